"""What `signalcraft model` shows: progress while it works, and tables of what came out."""

import json
from typing import TYPE_CHECKING, Any, Self

import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table

if TYPE_CHECKING:
    from signalcraft.ml.training import Progress as TrainingProgress


class ProgressBar:
    """A bar with the time left and, while training, the loss; says nothing when quiet."""

    def __init__(self, title: str, *, quiet: bool) -> None:
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[remark]}"),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(elapsed_when_finished=True),
            console=Console(stderr=True, quiet=quiet),
        )
        self._task = self._bar.add_task(title, total=None, remark="")

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def advance(self, done: int, total: int) -> None:
        """So much is done."""
        self._bar.update(self._task, completed=done, total=total)

    def trained(self, progress: "TrainingProgress", what: str = "Training") -> None:
        """An epoch has passed."""
        remark = f"loss {progress.loss:.3f}"
        self._bar.update(
            self._task, completed=progress.epoch, total=progress.epochs, remark=remark, description=what
        )


def show_metrics(metrics: dict[str, Any], *, as_json: bool) -> None:
    """An evaluation's figures as tables, or as JSON."""
    from signalcraft.ml.report import RATES, condition_name, percent

    if as_json:
        typer.echo(json.dumps(metrics, indent=2))
        return
    block = metrics["block_split"]
    table = Table(
        title=f"{block['clips']} kept-apart readings, whole ones in {block['draws']} draws of kept-apart noise each"
    )
    for heading in ("SNR", "length", "microphone", *RATES.values()):
        table.add_column(heading, justify="right")
    for condition in block["conditions"]:
        table.add_row(*condition_name(condition), *(percent(condition[name]) for name in RATES))
    console = Console()
    console.print(table)
    for name, error in block["expected_calibration_error"].items():
        console.print(
            f"Expected calibration error, {name.replace('_', ' ')}: {error['of_state']:.1%} of the state's probability, "
            f"{error['of_verdict']:.1%} of the verdict's confidence"
        )
    for folder, result in metrics["foreign"].items():
        console.print(f"Foreign sounds refused, {folder}: {percent(result['refused'])} of {result['sounds']}")
    console.print(f"Processor time for 3 s: {metrics['cpu_ms_for_3_s']} ms")


def show_left_out(result: dict[str, Any], *, as_json: bool) -> None:
    """How faults were judged that training had not heard."""
    from signalcraft.ml.report import percent

    if as_json:
        typer.echo(json.dumps(result, indent=2))
        return
    table = Table(title=f"Faults left out of training, {result['epochs']} epochs each")
    for heading in ("fault", "SNR", "anomalous", "unknown", "normal", "healthy not called normal"):
        table.add_column(heading, justify="right")
    for fault, by_ratio in result["faults"].items():
        for ratio, rates in by_ratio.items():
            table.add_row(fault, ratio.replace("_", " "), *(percent(rate) for rate in rates.values()))
    Console().print(table)
