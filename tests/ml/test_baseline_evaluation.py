"""The evaluation of baselines, on machines whose outcome is plain."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from signalcraft.ml.baseline_evaluation import (
    EvaluatedMachine,
    area_under_curve,
    evaluate_baselines,
    read_machines,
)
from signalcraft.ml.recordings import CorpusUnusable, Noise


def hum(seed: int, hum_hz: float) -> np.ndarray:
    rng = np.random.default_rng(seed)
    times_s = np.arange(16_000) / 16_000
    return (0.1 * np.sin(2 * np.pi * hum_hz * times_s) + rng.normal(0, 0.03, 16_000)).astype(np.float32)


def test_a_machine_with_a_plain_fault_has_the_figures_that_it_should():
    machine = EvaluatedMachine(
        "m", [hum(seed, 120) for seed in range(30)], {"fault": [hum(seed, 150) for seed in range(5)]}
    )
    noise = Noise(
        Path("n.flac"), "hiss", "n", np.random.default_rng(1).normal(0, 0.1, 32_000).astype(np.float32)
    )

    figures = evaluate_baselines([machine], [noise], learnt=20)

    assert figures["machines"]["m"]["clean"]["auc_by_fault"] == {"fault": 1.0}
    assert figures["mean"]["clean"]["found"] == 1.0
    assert figures["mean"]["clean"]["false_alarms"] <= 0.1
    assert set(figures["mean"]) == {"clean", "20 dB", "10 dB", "5 dB", "0 dB"}


@given(
    st.lists(st.integers(0, 9), min_size=1, max_size=30), st.lists(st.integers(0, 9), min_size=1, max_size=30)
)
def test_the_area_is_the_share_of_pairs_in_order(normal, faulty):
    pairs = [(low < high) + (low == high) / 2 for low in normal for high in faulty]

    assert area_under_curve(np.array(normal), np.array(faulty)) == pytest.approx(np.mean(pairs))


def test_a_folder_of_one_state_is_no_machine(tmp_path):
    (tmp_path / "normal").mkdir()

    with pytest.raises(CorpusUnusable):
        read_machines(tmp_path)
