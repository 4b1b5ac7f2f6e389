"""An evaluation's figures as Markdown; what the model card's tables are made of."""

from collections.abc import Iterable
from typing import Any

# The headings of the rates, in the order of the columns.
RATES = {
    "state_accuracy": "state right",
    "refused": "refused",
    "healthy_called_anomalous": "healthy called anomalous",
    "faulty_called_normal": "faulty called normal",
}


def markdown(metrics: dict[str, Any], title: str) -> str:
    """Every figure of `metrics`, as `evaluate` gives them; a leave-one-out or other section only where it is there."""
    block = metrics["block_split"]
    error = block["expected_calibration_error"]
    parts = [
        f"# {title}",
        (
            f"{block['clips']} kept-apart readings, whole ones in {block['draws']} draws of kept-apart noise each. In brackets "
            "95 % intervals: bootstrap over whole readings, for foreign sounds over whole sources. A refused clip counts as "
            "wrong. “Another” microphone adds a random response and a level within ±12 dB."
        ),
        "## States",
        _table(["SNR", "length", "microphone", *RATES.values()], map(_condition_row, block["conditions"])),
        "Expected calibration error: "
        + "; ".join(
            f"{name.replace('_', ' ')} {value['of_state']:.1%} of the state's probability, "
            f"{value['of_verdict']:.1%} of the verdict's confidence"
            for name, value in error.items()
        )
        + ".",
    ]
    for name, heading in (
        ("block", "By block of readings"),
        ("state", "By state"),
        ("source", "By source of noise"),
    ):
        rows = ([part, *_rates(rates)] for part, rates in block[f"at_0_db_by_{name}"].items())
        parts += [f"## {heading}, 0 dB, another microphone", _table([name, *RATES.values()], rows)]
    parts += ["## Foreign sounds", *map(_foreign, metrics["foreign"].items())]
    if "leave_one_out" in metrics:
        parts += ["## Faults left out of training", _left_out(metrics["leave_one_out"])]
    if "baselines" in metrics:
        parts += ["## Baselines of single machines", _baselines(metrics["baselines"])]
    parts.append(f"A clip of 3 s takes {metrics['cpu_ms_for_3_s']} ms of one core.")
    return "\n\n".join(parts) + "\n"


def percent(rate: dict[str, Any]) -> str:
    """A rate with its interval, such as 98.8 % (97.9-99.4)."""
    if rate["rate"] is None:
        return "–"
    low, high = rate["interval"]
    return f"{100 * rate['rate']:.1f} % ({100 * low:.1f}-{100 * high:.1f})"


def condition_name(condition: dict[str, Any]) -> tuple[str, str, str]:
    """Ratio, length and microphone, as they stand in a table."""
    return (
        "clean" if condition["snr_db"] is None else f"{condition['snr_db']:.0f} dB".replace("-", "−"),
        "whole" if condition["duration_s"] is None else f"{condition['duration_s']} s",
        "another" if condition["elsewhere"] else "same",
    )


def _condition_row(condition: dict[str, Any]) -> list[str]:
    return [*condition_name(condition), *_rates(condition)]


def _rates(rates: dict[str, Any]) -> list[str]:
    return [percent(rates[name]) for name in RATES]


def _foreign(named: tuple[str, dict[str, Any]]) -> str:
    name, result = named
    rows = [
        [kind, str(rate["count"]), percent(rate)]
        for kind, rate in [*result["kinds"].items(), ("all", result["refused"])]
    ]
    return f"### {name}\n\n" + _table(["kind", "sounds", "refused as unknown"], rows)


def _left_out(result: dict[str, Any]) -> str:
    rows = [
        [
            fault,
            *(percent(rates[ratio][name]) for ratio in rates for name in ("anomalous", "unknown", "normal")),
        ]
        for fault, rates in result["faults"].items()
    ]
    ratios = [ratio.replace("_", " ") for ratio in next(iter(result["faults"].values()))]
    headings = [f"{name}, {ratio}" for ratio in ratios for name in ("anomalous", "unknown", "normal")]
    return (
        f"One network for each fault, {result['epochs']} epochs, trained without it; another microphone.\n\n"
        + _table(["fault", *headings], rows)
    )


def _baselines(figures: dict[str, Any]) -> str:
    rows = [
        [machine, condition, f"{one['auc']:.3f}", f"{one['false_alarms']:.1%}", f"{one['found']:.1%}"]
        for machine, conditions in (*figures["machines"].items(), ("mean", figures["mean"]))
        for condition, one in conditions.items()
        if isinstance(one, dict)
    ]
    return (
        "Baselines foresee the noises that `acoustics/noise_profiles.LICENSE.txt` names; in those the figures flatter.\n\n"
    ) + _table(["machine", "noise", "AUC", "false alarms", "faults found"], rows)


def _table(headings: list[str], rows: Iterable[list[str]]) -> str:
    lines = [headings, ["---"] * len(headings), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
