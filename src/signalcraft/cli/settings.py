"""`signalcraft settings`: what is in force."""

from collections.abc import Iterator
from typing import Annotated, Any

import typer
from pydantic import BaseModel
from pydantic.fields import FieldInfo


def settings(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for scripts.")] = False,
) -> None:
    """Show all settings in force, with the variable that sets each; secrets are masked.

    Examples: `signalcraft settings`, or `PORT=9000 signalcraft settings --json`
    """
    from rich.console import Console
    from rich.table import Table

    from signalcraft.settings import get_settings, variable_of

    in_force = get_settings()
    if as_json:
        print(in_force.model_dump_json(indent=2))
        return
    table = Table()
    # A name or a value that is cut short is of no use; the meaning wraps.
    table.add_column("variable", no_wrap=True)
    table.add_column("value", overflow="fold")
    table.add_column("meaning")
    for path, value, field in _leaves(in_force):
        is_default = field.get_default(call_default_factory=True, validated_data={}) == value
        shown = "(unset)" if value is None else str(value)
        table.add_row(variable_of(path), shown if is_default else f"[bold]{shown}[/bold]", field.description)
    Console().print(table)


def _leaves(group: BaseModel, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any, FieldInfo]]:
    for name, field in type(group).model_fields.items():
        value = getattr(group, name)
        if isinstance(value, BaseModel):
            yield from _leaves(value, (*path, name))
        else:
            yield (*path, name), value, field
