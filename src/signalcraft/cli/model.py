"""`signalcraft model`: train a model from recordings, say how good one is, and change the one that judges."""

import json
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from signalcraft.cli import registry
from signalcraft.cli.model_display import ProgressBar, show_left_out, show_metrics
from signalcraft.core.operator_error import OperatorError

if TYPE_CHECKING:
    from signalcraft.ml.corpus import Corpus

app = typer.Typer(
    help="Train, evaluate, register and change the acoustic model.",
    no_args_is_help=True,
    epilog="Example: signalcraft model add ./model/air_compressor.onnx",
)
app.command(name="list", epilog="Example: signalcraft model list --json")(registry.list_models)
app.command(epilog="Example: signalcraft model add ./model/air_compressor.onnx --by 'M. Kim'")(registry.add)
app.command(epilog="Example: signalcraft model activate air_compressor@1.1.0")(registry.activate)
app.command(epilog="Example: signalcraft model rollback")(registry.rollback)
app.command(
    epilog="Examples: signalcraft model shadow air_compressor@1.1.0, and later signalcraft model shadow --off"
)(registry.shadow)
app.command(epilog="Example: signalcraft model compare --days 7 --json")(registry.compare)

DataFolder = Annotated[
    Path,
    typer.Option(
        "--data",
        exists=True,
        file_okay=False,
        help="Clips: train/ and validation/, each `STATE/NAME_NUMBER.flac`.",
    ),
]
NoiseFolder = Annotated[
    Path | None,
    typer.Option(
        "--noise", help="Noises to mix in, *.flac at any depth.", show_default="background/ beside --data"
    ),
]
Seed = Annotated[int, typer.Option("--seed", help="The same seed and data give the same model.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON and nothing else.")]
# Beside the clips, as in the corpus that the shipped model was trained on.
BACKGROUND = "background"


@app.command()
def train(
    data: DataFolder,
    noise: NoiseFolder = None,
    labelled: Annotated[
        bool, typer.Option("--labelled", help="Learn from the service's labelled clips as well.")
    ] = False,
    earlier: Annotated[
        Path | None,
        typer.Option(
            "--from", exists=True, dir_okay=False, help="Go on from this model's weights; its card beside."
        ),
    ] = None,
    out: Annotated[Path, typer.Option("--out", help="Folder for the model and its card.")] = Path("model"),
    version: Annotated[str, typer.Option("--version", help="The model's version, for its card.")] = "1.0.0",
    epochs: Annotated[int, typer.Option("--epochs", min=2, help="Passes through the clips.")] = 600,
    minutes: Annotated[
        float | None,
        typer.Option("--minutes", min=0.1, help="Fit the number of epochs into this time instead."),
    ] = None,
    learning_rate: Annotated[
        float, typer.Option("--learning-rate", min=1e-6, help="Half of it is usual with --from.")
    ] = 2e-3,
    seed: Seed = 1,
    as_json: AsJson = False,
) -> None:
    """Train a model, and write it with its card. After a stop the same command goes on where it was.

    Readings 1-135 of `train` and most noises are learnt; the rest of `train` sets the thresholds; `validation` and
    noises of other sources give the card's figures.
    """
    with _train_extra():
        from signalcraft.ml.training import TrainingSettings
        from signalcraft.ml.workflow import train_model
    with _labelled_clips(quiet=as_json) if labelled else nullcontext() as further:
        corpus = _corpus(data, noise, further)
    settings = TrainingSettings(seed=seed, epochs=epochs, minutes=minutes, learning_rate=learning_rate)
    with ProgressBar("Training", quiet=as_json) as bar:
        card = train_model(corpus, settings, out, version=version, report=bar.trained, earlier=earlier)
    show_metrics(card.metrics, as_json=as_json)
    if not as_json:
        Console().print(f"Model and card stand in [bold]{out}[/bold].")


@app.command()
def evaluate(
    model: Annotated[
        Path, typer.Option("--model", exists=True, dir_okay=False, help="The .onnx file; its card beside.")
    ],
    data: DataFolder,
    noise: NoiseFolder = None,
    foreign: Annotated[
        Path | None,
        typer.Option(
            "--foreign", exists=True, file_okay=False, help="Further sounds that it should not know."
        ),
    ] = None,
    left_out: Annotated[
        Path | None,
        typer.Option("--left-out", exists=True, dir_okay=False, help="What `leave-one-out --json` printed."),
    ] = None,
    baselines: Annotated[
        Path | None,
        typer.Option(
            "--baselines",
            exists=True,
            file_okay=False,
            help="Machines for `baselines evaluate`: <state>/*.flac.",
        ),
    ] = None,
    out: Annotated[
        Path, typer.Option("--out", help="Folder for evaluation.json, evaluation.md and evaluation.png.")
    ] = Path("evaluation"),
    as_json: AsJson = False,
) -> None:
    """Judge kept-apart readings in kept-apart noises; print the rates, and write them with curves."""
    corpus = _corpus(data, noise)
    with _train_extra():
        from signalcraft.ml.curves import draw_curves
        from signalcraft.ml.evaluation import evaluate_file
        from signalcraft.ml.report import markdown
    with ProgressBar("Judging", quiet=as_json) as bar:
        metrics = evaluate_file(model, corpus, foreign, bar.advance)
    if baselines is not None:
        from signalcraft.ml.baseline_evaluation import evaluate_baselines, read_machines

        metrics["baselines"] = evaluate_baselines(read_machines(baselines, None), corpus.noises.validation)
    if left_out is not None:
        metrics["leave_one_out"] = json.loads(left_out.read_text(encoding="utf-8"))
    out.mkdir(parents=True, exist_ok=True)
    (out / "evaluation.json").write_text(json.dumps(metrics, indent=2) + "\n", encoding="utf-8")
    (out / "evaluation.md").write_text(markdown(metrics, f"Evaluation of {model.name}"), encoding="utf-8")
    draw_curves(metrics, out / "evaluation.png")
    show_metrics(metrics, as_json=as_json)


@app.command()
def leave_one_out(
    data: DataFolder,
    noise: NoiseFolder = None,
    epochs: Annotated[
        int, typer.Option("--epochs", min=2, help="Passes through the clips, each time.")
    ] = 100,
    fault: Annotated[
        list[str] | None, typer.Option("--fault", help="Only this one; again for further ones.")
    ] = None,
    seed: Seed = 1,
    as_json: AsJson = False,
) -> None:
    """Train a network without each fault in turn, and say what it calls that fault: seven trainings."""
    with _train_extra():
        from signalcraft.ml.leave_one_out import leave_one_out as without_each
        from signalcraft.ml.training import TrainingSettings
    with ProgressBar("Training", quiet=as_json) as bar:
        result = without_each(
            _corpus(data, noise),
            TrainingSettings(seed=seed, epochs=epochs),
            lambda left, progress: bar.trained(progress, f"Without {left}"),
            fault,
        )
    show_left_out(result, as_json=as_json)


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
