"""`signalcraft sites`: shops and who belongs to them."""

from typing import Annotated

import typer

from signalcraft.cli.as_json import print_json

app = typer.Typer(
    no_args_is_help=True,
    help="Make sites and show their members.",
    epilog="Example: signalcraft sites add shop-2 --name 'Shop 2, Mapo'",
)
SiteArgument = Annotated[str, typer.Argument(metavar="SITE", help="The site's id.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for scripts.")]


@app.command()
def add(
    site_id: Annotated[str, typer.Argument(metavar="SITE", help="1 to 64 small letters, digits and -")],
    name: Annotated[str | None, typer.Option(help="What people call it; by default its id.")] = None,
) -> None:
    """Make a site."""
    from signalcraft.audit.service import Actor
    from signalcraft.cli.database import in_transaction
    from signalcraft.core.operator_error import OperatorError
    from signalcraft.sites import members
    from signalcraft.sites.service import must_be_site_id

    try:
        must_be_site_id(site_id)
    except ValueError as refused:
        raise OperatorError(f"A site's id has {refused}.") from None
    actor = Actor.of_command_line()
    in_transaction(lambda session: members.add_site(session, actor, site_id, name or site_id))
    print(f"The site {site_id} is made.")


@app.command(name="list")
def list_all(as_json: AsJson = False) -> None:
    """Show all sites."""
    from rich.console import Console
    from rich.table import Table

    from signalcraft.cli.database import in_transaction
    from signalcraft.sites import repository

    sites = in_transaction(lambda session: repository.list_sites(session, None))
    if as_json:
        print_json([dict(site) for site in sites])
        return
    table = Table("site", "name", "devices", "members")
    for site in sites:
        table.add_row(site["site_id"], site["name"], str(site["devices"]), str(site["members"]))
    Console().print(table)


@app.command(epilog="Example: signalcraft sites members shop-2 --set minji=engineer")
def members(
    site_id: SiteArgument,
    set_role: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="USERNAME=ROLE", help="owner, engineer or viewer; none takes out."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show who is what at a site, after the changes that are given."""
    from rich.console import Console
    from rich.table import Table

    from signalcraft.cli.database import in_transaction
    from signalcraft.cli.membership import changed_members

    listed = in_transaction(lambda session: changed_members(session, site_id, set_role or []))
    if as_json:
        print_json([dict(member) for member in listed])
        return
    table = Table("user", "e-mail", "role", "since (UTC)", "closed")
    for member in listed:
        since, closed = f"{member['since']:%Y-%m-%d}", "closed" if member["is_disabled"] else ""
        table.add_row(member["username"], member["email"], member["role"], since, closed)
    Console().print(table if listed else f"{site_id} has no members yet.")
