"""`signalcraft clips`: the recordings that are kept."""

import json
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.filesize import decimal
from rich.table import Table

from signalcraft.cli.as_json import print_json

if TYPE_CHECKING:
    from signalcraft.clips.store import ClipStore
    from signalcraft.core.database import Database

_LOOKS = 10
SHOWN_DIGEST = 12

app = typer.Typer(
    no_args_is_help=True,
    help="Look at the recordings that are kept, and clear them up.",
    epilog="Example: signalcraft clips stats",
)
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for scripts.")]


@app.command(name="list", epilog="Example: signalcraft clips list --limit 20 --json")
def list_newest(
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="How many.")] = 50, as_json: AsJson = False
) -> None:
    """Show the clips that were stored last; whole digests with --json."""
    from signalcraft.cli.database import in_transaction
    from signalcraft.clips import repository

    clips = in_transaction(lambda session: repository.newest(session, limit))
    if as_json:
        print_json([dict(clip) for clip in clips])
        return
    table = Table("sha256", "size", "stored (UTC)", "stays because")
    for clip in clips:
        reason = "labelled" if clip["is_labelled"] else "in use" if clip["held_until"] else ""
        table.add_row(
            clip["sha256"][:SHOWN_DIGEST],
            decimal(clip["size_bytes"]),
            f"{clip['stored_at']:%Y-%m-%d %H:%M:%S}",
            reason,
        )
    Console().print(table if clips else "No clip is kept yet.")


@app.command(epilog="Example: signalcraft clips stats --json")
def stats(as_json: AsJson = False) -> None:
    """Show how many clips there are, how large they are, and the limits."""
    from signalcraft.cli.database import in_transaction
    from signalcraft.clips import repository
    from signalcraft.settings import get_settings

    limits = get_settings().clips
    found = dict(in_transaction(repository.stats))
    found |= {"place": limits.url or "data folder", "max_bytes": limits.max_bytes, "days": limits.days}
    if as_json:
        print_json(found)
        return
    table = Table(show_header=False)
    for name, value in found.items():
        table.add_row(name.replace("_", " "), _readable(name, value))
    Console().print(table)


def _readable(name: str, value: Any) -> str:
    if value is None:
        return ""
    if name in {"bytes", "max_bytes"}:
        return decimal(value)
    return f"{value:%Y-%m-%d %H:%M:%S} UTC" if isinstance(value, datetime) else str(value)


@app.command(epilog="Example: signalcraft clips gc --json")
def gc(
    adopt: Annotated[
        bool,
        typer.Option(
            "--adopt",
            help="Take the place that the settings name for this database's store, whoever's it was.",
        ),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Apply the rules now, then remove files without a row, rows without a file and half-written files.

    Exit code 0: afterwards every row has its file, and every file its row.
    """
    removed = _with_store(lambda database, store: _collect(database, store, adopt=adopt))
    if as_json:
        print(json.dumps(removed))
        return
    table = Table(show_header=False)
    for name, value in removed.items():
        table.add_row(name.replace("_", " "), str(value))
    Console().print(table)


async def _collect(database: "Database", store: "ClipStore", *, adopt: bool) -> dict[str, int]:
    from signalcraft.clips import collection, service
    from signalcraft.core.operator_error import OperatorError
    from signalcraft.settings import get_settings

    if adopt:
        await service.adopt(database, store)
    removed = await collection.apply_rules(database, store, get_settings().clips)
    counts = {"removed": removed.clips, "removed_bytes": removed.bytes, **asdict(collection.Mended())}
    # A clip that is just being stored is a file whose row comes in a moment; it is written again. So look until
    # there is nothing to mend.
    for _ in range(_LOOKS):
        mended = asdict(await collection.mend(database, store))
        if not any(mended.values()):
            return counts
        counts |= {name: counts[name] + found for name, found in mended.items()}
    raise OperatorError(
        f"At each of {_LOOKS} looks something was to be mended; run it again when less comes in."
    )


def _with_store(work: Callable[["Database", "ClipStore"], Awaitable[Any]]) -> Any:
    from signalcraft.cli.database import with_database
    from signalcraft.clips.store import open_store
    from signalcraft.core.object_store import StoreUnavailable
    from signalcraft.core.operator_error import OperatorError
    from signalcraft.settings import get_settings

    store = open_store(get_settings())
    try:
        return with_database(lambda database: work(database, store))
    except StoreUnavailable as away:
        raise OperatorError(f"The clip store can't be used: {away}") from None
    finally:
        store.close()
