"""The command `signalcraft`."""

from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from signalcraft import __version__
from signalcraft.cli import baselines, clips, demo, devices, model, serve, settings, sites, users
from signalcraft.core.errors import SignalCraftError
from signalcraft.core.operator_error import OperatorError
from signalcraft.settings import SettingsError


class _Commands(TyperGroup):
    """Says what went wrong in one line where the user can mend it."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except SettingsError as error:
            typer.echo(str(error), err=True)
            raise typer.Exit(2) from None
        except (OperatorError, SignalCraftError) as error:
            fields = error.details.get("errors", []) if isinstance(error, SignalCraftError) else []
            reasons = [f"{problem['field']}: {problem['reason']}" for problem in fields]
            typer.echo(" ".join([str(error), *reasons]), err=True)
            raise typer.Exit(1) from None


app = typer.Typer(
    name="signalcraft",
    cls=_Commands,
    no_args_is_help=True,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
    help="Listens to refrigeration and air compressors and says whether they still run as they should.",
    epilog="Start with `signalcraft demo`; `signalcraft COMMAND --help` has examples.",
)


def _print_version(is_asked: bool) -> None:
    if is_asked:
        typer.echo(f"signalcraft {__version__}")
        raise typer.Exit


@app.callback()
def _main(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    pass


app.command()(serve.serve)
app.command()(demo.demo)
app.command()(demo.simulate)
app.add_typer(devices.app, name="devices")
app.add_typer(baselines.app, name="baselines")
app.add_typer(clips.app, name="clips")
app.add_typer(users.app, name="users")
app.add_typer(sites.app, name="sites")
app.add_typer(model.app, name="model")
app.command()(settings.settings)
