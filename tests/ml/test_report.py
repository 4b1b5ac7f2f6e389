"""An evaluation as people read it."""

from signalcraft.ml.report import markdown, percent


def rate(share, low, high):
    return {"rate": share, "interval": [low, high], "count": 100}


RATES = {
    "state_accuracy": rate(0.988, 0.979, 0.994),
    "refused": rate(0.0, 0.0, 0.018),
    "healthy_called_anomalous": rate(0.0, 0.0, 0.137),
    "faulty_called_normal": rate(None, None, None),
}
METRICS = {
    "block_split": {
        "clips": 200,
        "draws": 3,
        "conditions": [{"snr_db": -5.0, "duration_s": None, "elsewhere": True, **RATES}],
        "at_0_db_by_block": {"151-155": RATES},
        "at_0_db_by_state": {"bearing": RATES},
        "at_0_db_by_source": {"rain/1-17367": RATES},
        "expected_calibration_error": {"whole_clips": {"of_state": 0.006, "of_verdict": 0.001}},
    },
    "foreign": {"kept_apart_noises": {"sounds": 1, "refused": RATES["refused"], "kinds": {}}},
    "cpu_ms_for_3_s": 3.4,
}


def test_every_rate_stands_with_its_interval_and_what_was_not_judged_as_a_dash():
    text = markdown(METRICS, "Evaluation")

    assert "| −5 dB | whole | another | 98.8 % (97.9-99.4) | 0.0 % (0.0-1.8) | 0.0 % (0.0-13.7) | – |" in text
    assert "| rain/1-17367 | 98.8 % (97.9-99.4) |" in text
    assert percent(RATES["faulty_called_normal"]) == "–"


def test_sections_that_were_not_evaluated_are_not_there():
    baseline = {"auc": 0.99, "false_alarms": 0.01, "found": 0.9}
    figures = {"machines": {"fan": {"clean": baseline, "clips": 40}}, "mean": {"clean": baseline}}

    assert "Baselines" not in markdown(METRICS, "Evaluation")
    with_them = markdown(METRICS | {"baselines": figures}, "Evaluation")
    assert "| fan | clean | 0.990 | 1.0% | 90.0% |" in with_them
    assert "figures flatter" in with_them
