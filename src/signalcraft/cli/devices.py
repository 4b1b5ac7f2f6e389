"""`signalcraft devices`: who may post."""

import json
from datetime import timedelta
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from signalcraft.cli.as_json import print_json

app = typer.Typer(
    no_args_is_help=True,
    help="Register devices and give them tokens.",
    epilog="Example: signalcraft devices add shop-1-compressor --name 'Cold store, back'",
)
DeviceId = Annotated[str, typer.Argument(help="1 to 64 characters out of letters, digits and . _ : -")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for scripts.")]


@app.command()
def add(
    device_id: DeviceId,
    name: Annotated[str | None, typer.Option(help="What people call it.")] = None,
    site: Annotated[
        str | None, typer.Option(help="The site it belongs to; by default the first one.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Register a device and print its token, which is shown this once."""
    from signalcraft.audit.service import Actor
    from signalcraft.cli.database import in_transaction
    from signalcraft.devices import management
    from signalcraft.sites.models import FIRST_SITE

    actor = Actor.of_command_line()
    issued = in_transaction(
        lambda session: management.add(session, actor, device_id, name, site or FIRST_SITE)
    )
    _show_token(device_id, issued.secret, as_json)


@app.command(name="list")
def list_all(as_json: AsJson = False) -> None:
    """Show all devices."""
    from signalcraft.cli.database import in_transaction
    from signalcraft.devices import repository

    devices = in_transaction(repository.list_devices)
    if as_json:
        print_json([dict(device) for device in devices])
        return
    table = Table("device", "name", "site", "registered (UTC)", "valid tokens")
    for device in devices:
        registered = f"{device['created_at']:%Y-%m-%d %H:%M}"
        table.add_row(
            device["device_id"],
            device["name"] or "",
            device["site_id"],
            registered,
            str(device["valid_tokens"]),
        )
    Console().print(table if devices else "No device is registered yet: signalcraft devices add NAME")


@app.command(epilog="Example: signalcraft devices rotate shop-1-compressor --overlap-hours 48")
def rotate(
    device_id: DeviceId,
    overlap_hours: Annotated[
        float, typer.Option(min=0, max=8760, help="The old token stays valid for this long.")
    ] = 24,
    as_json: AsJson = False,
) -> None:
    """Give a device a new token, shown this once; the old one ends after the overlap."""
    from signalcraft.audit.service import Actor
    from signalcraft.cli.database import in_transaction
    from signalcraft.devices import management

    actor = Actor.of_command_line()
    overlap = timedelta(hours=overlap_hours)
    issued = in_transaction(lambda session: management.rotate(session, actor, device_id, overlap))
    _show_token(device_id, issued.secret, as_json)


@app.command(epilog="Example: signalcraft devices move shop-1-compressor shop-2")
def move(device_id: DeviceId, site: Annotated[str, typer.Argument(help="The site's id.")]) -> None:
    """Let a device belong to another site, with all that it has sent."""
    from signalcraft.audit.service import Actor
    from signalcraft.cli.database import in_transaction
    from signalcraft.devices import management

    actor = Actor.of_command_line()
    in_transaction(lambda session: management.move(session, actor, device_id, site))
    print(f"{device_id} belongs to {site} now.")


@app.command()
def revoke(device_id: DeviceId, as_json: AsJson = False) -> None:
    """End all tokens of a device now; its readings stay."""
    from signalcraft.audit.service import Actor
    from signalcraft.cli.database import in_transaction
    from signalcraft.devices import management

    actor = Actor.of_command_line()
    ended = in_transaction(lambda session: management.revoke(session, actor, device_id))
    if as_json:
        print(json.dumps({"device_id": device_id, "tokens_ended": ended}))
    else:
        print(f"{device_id}: {ended} token{'' if ended == 1 else 's'} ended.")


def _show_token(device_id: str, secret: str, as_json: bool) -> None:
    if as_json:
        print(json.dumps({"device_id": device_id, "token": secret}))
        return
    print(secret)
    typer.echo(
        f"Keep the token of {device_id}: it is shown this once. Send it as `Authorization: Bearer …`.",
        err=True,
    )
