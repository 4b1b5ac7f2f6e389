"""`signalcraft baselines`: how good baselines are on recordings of machines whose faults are known."""

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

app = typer.Typer(help="Evaluate baselines on recordings.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """Keep `evaluate` a command of its own."""


@app.command()
def evaluate(
    data: Annotated[
        Path,
        typer.Option("--data", exists=True, file_okay=False, help="<state>/*.flac, named in order of time."),
    ],
    noise: Annotated[
        Path,
        typer.Option("--noise", exists=True, file_okay=False, help="Noises to mix in, *.flac at any depth."),
    ],
    normal: Annotated[
        str | None, typer.Option("--normal", help="The normal state.", show_default="each in turn")
    ] = None,
    learnt: Annotated[int, typer.Option("--learnt", min=20, max=500, help="Clips to learn.")] = 40,
    false_alarm_rate: Annotated[float, typer.Option("--false-alarm-rate", min=0.001, max=0.2)] = 0.01,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON and nothing else.")] = False,
) -> None:
    """Learn each machine's first clips in quiet; tell its faults from its later normal clips, in quiet and in noise.

    The noises that baselines foresee are those of `acoustics/noise_profiles.LICENSE.txt`; use others here.
    """
    from signalcraft.ml.baseline_evaluation import evaluate_baselines, read_machines
    from signalcraft.ml.recordings import read_noises

    figures = evaluate_baselines(
        read_machines(data, normal), read_noises(noise), learnt=learnt, false_alarm_rate=false_alarm_rate
    )
    if as_json:
        typer.echo(json.dumps(figures, indent=2))
        return
    table = Table(title=f"{learnt} clips learnt in quiet, {false_alarm_rate:.1%} false alarms asked for")
    for heading in ("machine", "noise", "AUC", "false alarms", "faults found"):
        table.add_column(heading)
    for name, conditions in (*figures["machines"].items(), ("mean", figures["mean"])):
        for condition, one in conditions.items():
            if isinstance(one, dict):
                table.add_row(
                    name, condition, f"{one['auc']:.3f}", f"{one['false_alarms']:.1%}", f"{one['found']:.1%}"
                )
    Console().print(table)
