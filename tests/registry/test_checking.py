"""A model is checked before it may judge."""

import json

import onnxruntime
import pytest

from signalcraft.registry.checking import check_model
from tests.conftest import SAMPLES
from tests.registry.conftest import SHIPPED


def failed(report) -> list[str]:
    return [check["check"] for check in report.checks if not check["is_passed"]]


def test_the_shipped_model_passes():
    report = check_model(SHIPPED, SAMPLES)

    assert report.is_passed, report.failures()
    assert [check["check"] for check in report.checks] == [
        "loads",
        "card",
        "outputs",
        "front end",
        "self-test",
    ]
    card = json.loads(SHIPPED.with_suffix(".json").read_bytes())
    assert (report.name, report.version) == (card["name"], card["version"])


def a_shipped_card() -> dict:
    return json.loads(SHIPPED.with_suffix(".json").read_bytes())


@pytest.mark.parametrize(
    ("changes", "check", "word"),
    [
        ({"temperature": None}, "loads", "temperature"),
        ({"classes": ["healthy", "bearing"]}, "outputs", "shape"),
        ({"licence": None, "limits": ""}, "card", "licence, limits"),
        # Everything is called faulty.
        ({"thresholds": a_shipped_card()["thresholds"] | {"anomaly": 0.0}}, "self-test", "healthy/reading_151"),
        # States that none of the clips are of.
        ({"classes": [f"x_{name}" for name in a_shipped_card()["classes"]], "normal_state": "x_healthy"},
         "self-test", "too few"),
    ],
)  # fmt: skip
def test_each_fault_is_found_and_named(a_model, changes, check, word):
    report = check_model(a_model("9.0.0", **changes), SAMPLES)

    assert not report.is_passed
    assert check in failed(report)
    assert word in report.failures()


def test_a_front_end_that_is_not_the_cards_is_found(a_model):
    training = a_shipped_card()["training"]
    training["settings"]["mel"]["lowest_hz"] = 60.0

    report = check_model(a_model("9.0.0", training=training), SAMPLES)

    assert failed(report) == ["front end"]


def test_what_is_no_model_is_no_crash_of_ours(a_model):
    model = a_model("9.0.0")
    model.write_bytes(b"no model")

    assert failed(check_model(model, SAMPLES)) == ["loads"]


def test_a_check_that_takes_too_long_is_ended():
    report = check_model(SHIPPED, SAMPLES, time_limit_s=0.05)

    assert failed(report) == ["process"]
    assert "0 s" in report.failures()


def test_the_model_says_what_it_takes():
    # The checks rest on these names.
    session = onnxruntime.InferenceSession(str(SHIPPED), providers=["CPUExecutionProvider"])
    assert [one.name for one in session.get_inputs()] == ["waveform"]
    assert {"logits", "log_mel"} <= {one.name for one in session.get_outputs()}
