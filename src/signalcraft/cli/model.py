"""`signalcraft model`: train a model from recordings, and say how good one is."""

import json
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Self

import typer
from rich.console import Console
from rich.table import Table

from signalcraft.core.operator_error import OperatorError

if TYPE_CHECKING:
    from signalcraft.ml.corpus import Corpus
    from signalcraft.ml.training import Progress

app = typer.Typer(help="Train and evaluate the acoustic model.", no_args_is_help=True)

DataFolder = Annotated[
    Path,
    typer.Option(
        "--data", exists=True, file_okay=False, help="Clips: train/ and validation/, each <state>/*_<n>.flac."
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON and nothing else.")]
# Beside the clips, as in the corpus that the shipped model was trained on.
BACKGROUND = "background"


@app.command()
def train(
    data: DataFolder,
    noise: Annotated[
        Path | None,
        typer.Option(
            "--noise", help="Noises to mix in, *.flac at any depth.", show_default="background/ beside --data"
        ),
    ] = None,
    labelled: Annotated[
        bool, typer.Option("--labelled", help="Learn from the service's labelled clips as well.")
    ] = False,
    out: Annotated[Path, typer.Option("--out", help="Folder for the model and its card.")] = Path("model"),
    version: Annotated[str, typer.Option("--version", help="The model's version, for its card.")] = "1.0.0",
    epochs: Annotated[int, typer.Option("--epochs", min=2, help="Passes through the clips.")] = 100,
    minutes: Annotated[
        float | None,
        typer.Option("--minutes", min=0.1, help="Fit the number of epochs into this time instead."),
    ] = None,
    seed: Annotated[int, typer.Option("--seed", help="The same seed and data give the same model.")] = 1,
    as_json: AsJson = False,
) -> None:
    """Train a model, and write it with its card.

    Readings 1-135 of `train` and most noises are learnt; the rest of `train` sets the thresholds; `validation` and
    noises of other sources give the card's figures.
    """
    with _train_extra():
        from signalcraft.ml.training import TrainingSettings
        from signalcraft.ml.workflow import train_model
    with _labelled_clips(quiet=as_json) if labelled else nullcontext() as further:
        corpus = _corpus(data, noise, further)
    with _TrainingBar(quiet=as_json) as bar:
        card = train_model(
            corpus, TrainingSettings(seed=seed, epochs=epochs, minutes=minutes), out, version, bar.advance
        )
    _show(card.metrics, as_json=as_json)
    if not as_json:
        Console().print(f"Model and card stand in [bold]{out}[/bold].")


@app.command()
def evaluate(
    model: Annotated[
        Path, typer.Option("--model", exists=True, dir_okay=False, help="The .onnx file; its card beside.")
    ],
    data: DataFolder,
    noise: Annotated[
        Path | None,
        typer.Option(
            "--noise", help="Noises to mix in, *.flac at any depth.", show_default="background/ beside --data"
        ),
    ] = None,
    foreign: Annotated[
        Path | None,
        typer.Option(
            "--foreign", exists=True, file_okay=False, help="Further sounds that it should not know."
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Judge kept-apart readings in kept-apart noises, and print the rates."""
    with _train_extra():
        from signalcraft.ml.evaluation import evaluate_file
    _show(evaluate_file(model, _corpus(data, noise), foreign), as_json=as_json)


def _corpus(data: Path, noise: Path | None, labelled: Path | None = None) -> "Corpus":
    from signalcraft.ml.corpus import Corpus

    return Corpus.read(data, noise or data.parent / BACKGROUND, labelled)


@contextmanager
def _labelled_clips(*, quiet: bool) -> Iterator[Path]:
    """A folder with the service's labelled clips, in the corpus' layout, until the block ends."""
    from tempfile import TemporaryDirectory

    from signalcraft.cli.labelled import export_labelled

    with TemporaryDirectory(prefix="signalcraft-labelled-") as folder:
        exported = export_labelled(Path(folder))
        Console(stderr=True, quiet=quiet).print(str(exported))
        yield Path(folder)


@contextmanager
def _train_extra() -> Iterator[None]:
    """Imports within need the extra; raises OperatorError with the way to get it."""
    try:
        yield
    except ModuleNotFoundError as missing:
        raise OperatorError(
            f"This needs {missing.name}, which is not installed: pip install 'signalcraft[train]'"
        ) from missing


class _TrainingBar:
    """A progress bar with the loss and the time left; says nothing when quiet."""

    def __init__(self, *, quiet: bool) -> None:
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress,
            TextColumn,
            TimeElapsedColumn,
            TimeRemainingColumn,
        )

        self._bar = Progress(
            TextColumn("Training"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("loss {task.fields[loss]:.3f}"),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(elapsed_when_finished=True),
            console=Console(stderr=True, quiet=quiet),
        )
        self._task = self._bar.add_task("training", total=None, loss=float("nan"))

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def advance(self, progress: "Progress") -> None:
        self._bar.update(self._task, completed=progress.epoch, total=progress.epochs, loss=progress.loss)


def _show(metrics: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(metrics, indent=2))
        return
    block = metrics["block_split"]
    table = Table(
        title=f"{block['clips']} kept-apart readings, {block['draws']} draws of kept-apart noise each"
    )
    for heading in (
        "SNR",
        "length",
        "microphone",
        "state right",
        "refused",
        "healthy → anomalous",
        "faulty → normal",
    ):
        table.add_column(heading, justify="right")
    for rates in block["conditions"]:
        table.add_row(
            "clean" if rates["snr_db"] is None else f"{rates['snr_db']:.0f} dB",
            "whole" if rates["duration_s"] is None else f"{rates['duration_s']} s",
            "another" if rates["elsewhere"] else "same",
            *(
                f"{rates[name]:.1%}"
                for name in ("state_accuracy", "refused", "healthy_called_anomalous", "faulty_called_normal")
            ),
        )
    console = Console()
    console.print(table)
    console.print(f"Expected calibration error {block['expected_calibration_error']:.1%}")
    for folder, result in metrics["foreign"].items():
        console.print(f"Foreign sounds refused, {folder}: {result['refused']:.1%} of {result['sounds']}")
    console.print(f"Processor time for 3 s: {metrics['cpu_ms_for_3_s']} ms")
