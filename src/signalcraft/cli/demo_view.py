"""What the demo shows: a live table while it runs, a summary at its end."""

from collections.abc import Iterable, Sequence
from statistics import median

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from signalcraft.simulator.fleet import SensorReport

VERDICT_STYLE = {"normal": "green", "anomalous": "red", "unknown": "yellow"}


def live_table(reports: Sequence[SensorReport], docs_address: str) -> RenderableType:
    """Each device, its last reading and verdict, what was really playing, and how long the answers took."""
    table = Table("device", "last reading", "last verdict", "really playing", "reading ms", "recording ms")
    for report in reports:
        table.add_row(
            report.device_id,
            _reading(report),
            _verdict(report),
            _truth(report),
            _milliseconds(report.reading_ms),
            _milliseconds(report.recording_ms),
        )
    stored, judged, right = _sums(reports)
    failures = sum(report.failures for report in reports)
    line = (
        f"{stored} readings stored · {judged} recordings judged, {right} verdicts right · {failures} failures"
    )
    return Group(table, Text(line), Text(f"API: {docs_address} · Ctrl-C ends", style="dim"))


def summary(reports: Sequence[SensorReport], found: dict[str, int]) -> dict[str, object]:
    """The demo in figures. found: readings of each device that the service gave back at the end."""
    stored, judged, right = _sums(reports)
    return {
        "devices": len(reports),
        "readings_acknowledged": stored,
        "readings_found": sum(found.values()),
        "readings_lost": sum(max(0, report.readings_stored - found[report.device_id]) for report in reports),
        "recordings_judged": judged,
        "verdicts_right": right,
        "states_right": sum(report.states_right for report in reports),
        "failures": sum(report.failures for report in reports),
        "last_failures": sorted({report.last_failure for report in reports if report.failures}),
        "reading_ms_median": _median(ms for report in reports for ms in report.reading_ms),
        "recording_ms_median": _median(ms for report in reports for ms in report.recording_ms),
    }


def _sums(reports: Sequence[SensorReport]) -> tuple[int, int, int]:
    return (
        sum(report.readings_stored for report in reports),
        sum(report.recordings_judged for report in reports),
        sum(report.verdicts_right for report in reports),
    )


def _reading(report: SensorReport) -> str:
    reading = report.last_reading
    return f"{reading['temperature']:6.2f} °C  {reading['power_consumption']:5.1f} %" if reading else "…"


def _verdict(report: SensorReport) -> Text:
    diagnosis = report.last_diagnosis
    if diagnosis is None:
        return Text("…")
    state = f" ({diagnosis['state']})" if diagnosis["state"] and diagnosis["verdict"] == "anomalous" else ""
    # Nothing is quite certain; 99.96 % must not be rounded up to it.
    confidence = min(float(diagnosis["confidence"]), 0.999)
    words = f"{diagnosis['verdict']}{state} {confidence:.1%}"
    return Text(words, style=VERDICT_STYLE[str(diagnosis["verdict"])])


def _truth(report: SensorReport) -> Text:
    if report.last_diagnosis is None:
        return Text(report.playing or "…")
    is_right = report.last_diagnosis["state"] == report.was_playing
    return Text(f"{report.was_playing} {'✓' if is_right else '✗'}", style="" if is_right else "bold red")


def _milliseconds(values: Sequence[float]) -> str:
    return f"{values[-1]:.0f}" if values else "…"


def _median(values: Iterable[float]) -> float | None:
    known = list(values)
    return round(median(known), 1) if known else None
