"""`signalcraft model list | add | activate | rollback | shadow | compare`: which model judges."""

import getpass
import json
from collections.abc import Sequence
from datetime import timedelta
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from signalcraft.cli.as_json import print_json
from signalcraft.core.operator_error import OperatorError

if TYPE_CHECKING:
    from sqlalchemy import RowMapping

    from signalcraft.registry.checking import CheckReport
    from signalcraft.registry.models import ModelRow

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for scripts.")]
Reference = Annotated[
    str, typer.Argument(help="NAME, NAME@VERSION, the first characters of the digest, or `shipped`.")
]
By = Annotated[str | None, typer.Option("--by", help="Who does it.", show_default="the account's name")]


def list_models(as_json: AsJson = False) -> None:
    """Show all models, which one judges, and which one listens beside it."""
    from signalcraft.cli.database import in_transaction
    from signalcraft.registry import repository, service

    async def read(session: Any) -> tuple[Sequence["ModelRow"], dict[Any, Any]]:
        return await repository.all_models(session), await service.in_roles(session)

    models, roles = in_transaction(read)
    described = [_shipped(roles)] + [_described(model, roles) for model in models]
    if as_json:
        print_json(described)
        return
    table = Table("model", "digest", "role", "added (UTC)", "by")
    for one in described:
        added = f"{one['added_at']:%Y-%m-%d %H:%M}" if one["added_at"] else "with the release"
        table.add_row(
            f"{one['name']}@{one['version']}",
            (one["digest"] or "shipped")[:12],
            ", ".join(one["roles"]),
            added,
            one["added_by"] or "",
        )
    Console().print(table)


def add(
    model: Annotated[Path, typer.Argument(help="The .onnx file, its card beside it as .json; or `shipped`.")],
    self_test: Annotated[
        Path | None,
        typer.Option(
            "--self-test",
            exists=True,
            file_okay=False,
            help="Clips of known states, STATE/*.flac.",
            show_default="those that come with SignalCraft",
        ),
    ] = None,
    by: By = None,
    as_json: AsJson = False,
) -> None:
    """Check a model and register it; it judges nothing yet."""
    from signalcraft.cli.database import in_transaction
    from signalcraft.registry import service

    path = _shipped_file() if str(model) == "shipped" else model
    card = path.with_suffix(".json")
    for file in (path, card):
        if not file.is_file():
            raise OperatorError(
                f"There is no {file}: a model is an .onnx file with its card beside it as .json."
            )
    report = _check(path, self_test)
    if not report.is_passed:
        _show_checks(report, as_json=as_json, digest=None)
        raise typer.Exit(1)
    digest = _store(path, card)
    size = path.stat().st_size
    is_new = in_transaction(
        lambda session: service.add(session, digest, size, report, by or getpass.getuser())
    )
    _show_checks(report, as_json=as_json, digest=digest)
    if not as_json:
        told = "Added" if is_new else "It was there already"
        print(
            f"{told}: {report.name}@{report.version}, {digest[:12]}. Next: signalcraft model activate {digest[:12]}"
        )


def activate(
    model: Reference,
    self_test: Annotated[
        Path | None,
        typer.Option(
            "--self-test", exists=True, file_okay=False, help="Clips of known states, STATE/*.flac."
        ),
    ] = None,
    by: By = None,
    as_json: AsJson = False,
) -> None:
    """Check a model once more, and let it judge from now on, in all workers, without a restart."""
    from signalcraft.cli.database import in_transaction
    from signalcraft.registry import service

    digest = _digest_of(model)
    if digest is not None:
        report = _check(_local_path(digest), self_test)
        if not report.is_passed:
            raise OperatorError(f"{model} was not activated: {report.failures()}")
    who = by or getpass.getuser()
    in_transaction(lambda session: service.give_role(session, service.Role.ACTIVE, digest, who))
    _tell_role("active", digest, as_json)


def rollback(by: By = None, as_json: AsJson = False) -> None:
    """Let the model that was active before judge again; twice goes back two steps."""
    from signalcraft.cli.database import in_transaction
    from signalcraft.registry import service

    digest = in_transaction(lambda session: service.roll_back(session, by or getpass.getuser()))
    _tell_role("active", digest, as_json)


def shadow(
    model: Annotated[str | None, typer.Argument(help="As for activate.")] = None,
    off: Annotated[bool, typer.Option("--off", help="No model listens any more.")] = False,
    by: By = None,
    as_json: AsJson = False,
) -> None:
    """Let a model judge the same clips beside the active one; no answer waits for it or changes."""
    from signalcraft.cli.database import in_transaction
    from signalcraft.registry import service

    if (model is None) is not off:
        raise OperatorError("Name a model, or say --off.")
    digest = None if model is None else _listener(model)
    who = by or getpass.getuser()
    in_transaction(lambda session: service.give_role(session, service.Role.SHADOW, digest, who))
    _tell_role("shadow", digest, as_json)


def compare(
    model: Annotated[str | None, typer.Argument(help="As for activate.", show_default="the shadow")] = None,
    days: Annotated[float, typer.Option(min=0.01, max=36_500, help="How far to look back.")] = 30,
    limit: Annotated[int, typer.Option(min=0, max=10_000, help="How many differing clips to show.")] = 20,
    as_json: AsJson = False,
) -> None:
    """Show where a shadow and the model that answered differ, and which of them agrees with people's labels."""
    from signalcraft.cli.database import in_transaction
    from signalcraft.core.clock import utcnow
    from signalcraft.registry import repository

    digest = _listener(model) if model else _shadow_digest()
    since = utcnow() - timedelta(days=days)
    verdicts = in_transaction(lambda session: repository.verdicts(session, digest, since))
    differing = in_transaction(lambda session: repository.differences(session, digest, since, limit))
    if as_json:
        print_json(
            {
                "shadow": digest,
                "verdicts": [dict(row) for row in verdicts],
                "differences": [dict(row) for row in differing],
            }
        )
        return
    _show_comparison(verdicts, differing)


def _show_comparison(verdicts: Sequence["RowMapping"], differing: Sequence["RowMapping"]) -> None:
    if not verdicts:
        print("The shadow has heard nothing in this time.")
        return
    clips = sum(row["clips"] for row in verdicts)
    same = sum(row["clips"] for row in verdicts if row["active"] == row["shadow"])
    labelled = sum(row["labelled"] for row in verdicts)
    table = Table("judged by", "its verdict", "the shadow's", "clips", "of these another state")
    for row in verdicts:
        table.add_row(
            f"{row['model_name']}@{row['model_version']}",
            row["active"],
            row["shadow"],
            str(row["clips"]),
            str(row["other_state"]),
        )
    console = Console()
    console.print(table)
    console.print(f"The same verdict on {same} of {clips} clips ({same / clips:.1%}).")
    if labelled:
        right = [sum(row[name] for row in verdicts) for name in ("active_right", "shadow_right")]
        console.print(
            f"Of {labelled} labelled clips {right[0]} were right as answered, {right[1]} by the shadow."
        )
    if differing:
        table = Table("diagnosis", "device", "answered", "shadow", "label")
        for row in differing:
            table.add_row(
                str(row["diagnosis_id"]),
                row["device_id"] or "",
                f"{row['verdict']} {row['state'] or ''} {row['confidence']:.2f}",
                f"{row['shadow_verdict']} {row['shadow_state'] or ''} {row['shadow_confidence']:.2f}",
                row["label"] or "",
            )
        console.print(table)


def _digest_of(reference: str) -> str | None:
    from signalcraft.cli.database import in_transaction
    from signalcraft.registry import service

    row = in_transaction(lambda session: service.find(session, reference))
    return None if row is None else row.digest


def _listener(reference: str) -> str:
    """The digest of a model that may listen: `shipped` too is one by its digest, once it is registered."""
    from signalcraft.cli.database import in_transaction
    from signalcraft.registry import repository
    from signalcraft.registry.files import digest_of

    digest = _digest_of(reference)
    if digest is not None:
        return digest
    shipped = _shipped_file()
    registered = digest_of(shipped, shipped.with_suffix(".json"))
    if in_transaction(lambda session: repository.find(session, registered)) is None:
        raise OperatorError("Add the shipped model first: signalcraft model add shipped")
    return registered


def _shadow_digest() -> str:
    from signalcraft.cli.database import in_transaction
    from signalcraft.registry import service

    found: str | None = in_transaction(service.in_roles)[service.Role.SHADOW].digest
    if found is None:
        raise OperatorError("No model is the shadow: signalcraft model shadow MODEL, or name one to compare.")
    return found


def _check(model: Path, clips: Path | None) -> "CheckReport":
    from signalcraft.registry.checking import check_model
    from signalcraft.simulator.recordings import shipped_clips

    return check_model(model, clips or shipped_clips())


def _store(model: Path, card: Path) -> str:
    from signalcraft.core.object_store import StoreUnavailable
    from signalcraft.registry.files import ModelFiles
    from signalcraft.settings import get_settings

    try:
        return ModelFiles(get_settings()).add(model, card)
    except StoreUnavailable as away:
        raise OperatorError(f"The model can't be stored: {away}") from None


def _local_path(digest: str) -> Path:
    from signalcraft.registry.errors import ModelFilesMissing
    from signalcraft.registry.files import ModelFiles
    from signalcraft.settings import get_settings

    try:
        return ModelFiles(get_settings()).path_of(digest)
    except ModelFilesMissing as missing:
        raise OperatorError(f"It was not activated: {missing}") from None


def _shipped_file() -> Path:
    from signalcraft.diagnosis.card import SHIPPED_MODEL

    return Path(str(resources.files("signalcraft.diagnosis"))) / "model" / SHIPPED_MODEL


def _shipped(roles: dict[Any, Any]) -> dict[str, Any]:
    from signalcraft.diagnosis.card import ModelCard
    from signalcraft.registry.service import Role

    card = ModelCard.read(_shipped_file().with_suffix(".json"))
    return {
        "name": card.name,
        "version": card.version,
        "digest": None,
        "roles": ["active"] if roles[Role.ACTIVE].digest is None else [],
        "added_at": None,
        "added_by": None,
        "size_bytes": _shipped_file().stat().st_size,
        "checks": [],
    }


def _described(model: "ModelRow", roles: dict[Any, Any]) -> dict[str, Any]:
    return {
        "name": model.name,
        "version": model.version,
        "digest": model.digest,
        "roles": [str(role) for role, holder in roles.items() if holder.digest == model.digest],
        "added_at": model.added_at,
        "added_by": model.added_by,
        "size_bytes": model.size_bytes,
        "checks": model.checks,
    }


def _show_checks(report: "CheckReport", *, as_json: bool, digest: str | None) -> None:
    if as_json:
        print(
            json.dumps(
                {"name": report.name, "version": report.version, "digest": digest, "checks": report.checks}
            )
        )
        return
    table = Table("check", "passed", "found")
    for check in report.checks:
        table.add_row(check["check"], "yes" if check["is_passed"] else "NO", check["found"])
    Console().print(table)


def _tell_role(role: str, digest: str | None, as_json: bool) -> None:
    if as_json:
        print(json.dumps({"role": role, "digest": digest}))
        return
    none = "the shipped model" if role == "active" else "none"
    print(f"The {role} model is {digest[:12] if digest else none}; all workers know it within two seconds.")
