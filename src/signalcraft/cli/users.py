"""`signalcraft users`: who may sign in."""

import json
import secrets
import sys
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from signalcraft.cli.as_json import print_json

if TYPE_CHECKING:
    from sqlalchemy import RowMapping
    from sqlalchemy.ext.asyncio import AsyncSession

app = typer.Typer(
    no_args_is_help=True,
    help="Make accounts and close them.",
    epilog="Example: signalcraft users add minji --email minji@shop.example --role owner --site default",
)
Name = Annotated[str, typer.Argument(metavar="USERNAME", help="The user's name or e-mail address.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for scripts.")]
FromStdin = Annotated[
    bool,
    typer.Option("--password-stdin", help="Read the password from standard input; by default one is made."),
]


class UserRole(StrEnum):
    """What a user can be: at every site, or at one."""

    ADMIN = "admin"
    OWNER = "owner"
    ENGINEER = "engineer"
    VIEWER = "viewer"


@app.command(epilog="Example: signalcraft users add minji --email minji@shop.example --role owner")
def add(
    username: Annotated[str, typer.Argument(help="1 to 64 letters, digits and . _ -")],
    email: Annotated[str, typer.Option(help="The user's e-mail address.")],
    role: Annotated[UserRole, typer.Option(help="admin is for all sites.")],
    site: Annotated[
        str | None, typer.Option(help="The site of an owner, engineer or viewer; by default the first one.")
    ] = None,
    password_stdin: FromStdin = False,
    as_json: AsJson = False,
) -> None:
    """Make an account and print its password, which is shown this once."""
    from signalcraft.audit.service import Actor
    from signalcraft.auth import administration
    from signalcraft.auth.passwords import hash_now
    from signalcraft.cli.database import in_transaction
    from signalcraft.sites.roles import Role

    password = _given_password() if password_stdin else secrets.token_urlsafe(12)
    new = administration.NewUser.checked(
        username, email, password, None if role is UserRole.ADMIN else Role(role.value), site
    )
    password_hash = hash_now(password)
    actor = Actor.of_command_line()
    in_transaction(lambda session: administration.add_user(session, actor, new, password_hash))
    _show(username, None if password_stdin else password, as_json, "made")


@app.command(name="list")
def list_all(as_json: AsJson = False) -> None:
    """Show all users."""
    from rich.console import Console
    from rich.table import Table

    from signalcraft.auth import user_repository
    from signalcraft.cli.database import in_transaction

    users = in_transaction(user_repository.list_users)
    if as_json:
        print_json([_shown(user) for user in users])
        return
    table = Table("user", "e-mail", "roles", "made (UTC)", "closed")
    for user in users:
        roles = ["admin"] if user["is_admin"] else []
        roles += [entry.replace(" ", " of ") for entry in user["roles"] or ()]
        made, closed = f"{user['created_at']:%Y-%m-%d %H:%M}", "closed" if user["is_disabled"] else ""
        table.add_row(user["username"], user["email"], ", ".join(roles), made, closed)
    Console().print(table if users else "There is no user yet: signalcraft users add NAME --email … --role …")


@app.command()
def disable(username: Name, as_json: AsJson = False) -> None:
    """Close an account and end its sessions; what the user has done stays."""
    from signalcraft.audit.service import Actor
    from signalcraft.auth import administration
    from signalcraft.cli.database import in_transaction

    async def close(session: "AsyncSession") -> None:
        user_id = await administration.user_of(session, username)
        await administration.change(session, Actor.of_command_line(), user_id, is_disabled=True)

    in_transaction(close)
    print(json.dumps({"username": username, "is_disabled": True}) if as_json else f"{username} is closed.")


@app.command(name="reset-password")
def reset_password(username: Name, password_stdin: FromStdin = False, as_json: AsJson = False) -> None:
    """Give a user a new password, shown this once; all sessions and personal access tokens of the user end."""
    from signalcraft.audit.service import Actor
    from signalcraft.auth import administration
    from signalcraft.auth.password_rules import must_be_good
    from signalcraft.auth.passwords import hash_now
    from signalcraft.cli.database import in_transaction

    password = _given_password() if password_stdin else secrets.token_urlsafe(12)
    must_be_good(password, (username,))
    password_hash = hash_now(password)

    async def reset(session: "AsyncSession") -> None:
        user_id = await administration.user_of(session, username)
        await administration.reset_password(session, Actor.of_command_line(), user_id, password_hash)

    in_transaction(reset)
    _show(username, None if password_stdin else password, as_json, "changed")


def _shown(user: "RowMapping") -> dict[str, Any]:
    shown = dict(user) | {"roles": user["roles"] or []}
    # The key that names are compared by is nothing to know of outside.
    del shown["username_key"]
    return shown


def _given_password() -> str:
    return sys.stdin.readline().rstrip("\r\n")


def _show(username: str, password: str | None, as_json: bool, done: str) -> None:
    if as_json:
        print(json.dumps({"username": username} | ({"password": password} if password else {})))
        return
    if password is None:
        print(f"{username}: {done}.")
        return
    print(password)
    typer.echo(f"{username}: {done}. Hand the password on; it is shown this once.", err=True)
