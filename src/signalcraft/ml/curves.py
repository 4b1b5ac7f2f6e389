"""An evaluation's figures as curves over the ratio of signal to noise."""

from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from signalcraft.ml.report import condition_name

# Where clean clips stand on the axis of ratios.
CLEAN_AT_DB = 30.0


def draw_curves(metrics: dict[str, Any], path: Path) -> None:
    """Write `path` (PNG): accuracy, and the two kinds of wrong verdict, over the ratio, for each length and microphone."""
    curves: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for condition in metrics["block_split"]["conditions"]:
        _, length, microphone = condition_name(condition)
        curves.setdefault((length, microphone), []).append(condition)
    figure = Figure(figsize=(12, 5), layout="constrained")
    left, right = figure.subplots(1, 2)
    for (length, microphone), conditions in curves.items():
        label = f"{length}, {microphone} microphone"
        _curve(left, conditions, "state_accuracy", label)
        _curve(right, conditions, "healthy_called_anomalous", f"healthy called anomalous: {label}")
        _curve(right, conditions, "faulty_called_normal", f"faulty called normal: {label}", style="--")
    for axes, name in ((left, "state right"), (right, "wrong verdict")):
        axes.set_xlabel("signal to noise (dB)")
        axes.set_ylabel(f"{name} (%)")
        axes.set_xticks([-5, 0, 5, 10, 20, CLEAN_AT_DB], ["−5", "0", "5", "10", "20", "clean"])
        axes.grid(visible=True, alpha=0.3)
        axes.legend(fontsize=6)
    figure.suptitle("Kept-apart readings in kept-apart noise; bars: 95 % intervals over readings")
    figure.savefig(path, dpi=110)


def _curve(axes: Any, conditions: list[dict[str, Any]], name: str, label: str, style: str = "-") -> None:
    ratios_db = [CLEAN_AT_DB if one["snr_db"] is None else one["snr_db"] for one in conditions]
    order = sorted(range(len(conditions)), key=ratios_db.__getitem__)
    rates = [conditions[place][name] for place in order]
    shares = [100 * rate["rate"] for rate in rates]
    bars = [
        [max(0.0, share - 100 * rate["interval"][0]) for share, rate in zip(shares, rates, strict=True)],
        [max(0.0, 100 * rate["interval"][1] - share) for share, rate in zip(shares, rates, strict=True)],
    ]
    axes.errorbar(
        [ratios_db[place] for place in order], shares, yerr=bars, fmt=f"o{style}", ms=3, lw=1, label=label
    )
