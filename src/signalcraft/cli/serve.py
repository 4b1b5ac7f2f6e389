"""`signalcraft serve`: the whole service with one command."""

import os
from pathlib import Path
from typing import Annotated

import typer


def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on [HOST; default 127.0.0.1].")] = None,
    port: Annotated[
        int | None, typer.Option(min=1, max=65535, help="Port to listen on [PORT; default 8000].")
    ] = None,
    data_dir: Annotated[
        Path | None,
        typer.Option(
            file_okay=False,
            help="Folder of the embedded PostgreSQL [SIGNALCRAFT_DATA_DIR; default $XDG_DATA_HOME/signalcraft, "
            "which is ~/.local/share/signalcraft unless set otherwise].",
        ),
    ] = None,
) -> None:
    """Run the service until Ctrl-C: PostgreSQL, the web workers and the inference processes.

    With DATABASE_URL set, that database is used; otherwise a PostgreSQL of its own is started in the data folder. A
    process that dies is started again.

    Examples: `signalcraft serve`, or `signalcraft serve --port 9000 --data-dir /var/lib/signalcraft`
    """
    # The child processes read the same settings, so that options and variables are one.
    options = {"HOST": host, "PORT": port, "SIGNALCRAFT_DATA_DIR": data_dir and data_dir.absolute()}
    os.environ |= {name: str(value) for name, value in options.items() if value is not None}

    from signalcraft.core.logging import configure_logging
    from signalcraft.settings import get_settings
    from signalcraft.supervision.service import run_service

    settings = get_settings()
    configure_logging(settings.log.level)
    raise typer.Exit(run_service(settings))
