"""The rules of the model registry: what may judge, and who had the role before."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy.ext.asyncio import AsyncSession

from signalcraft.audit.service import Action, Actor, record
from signalcraft.registry import repository
from signalcraft.registry.checking import CheckReport
from signalcraft.registry.errors import ModelNotFound, ModelRefused, ModelVersionTaken, NothingToRollBack
from signalcraft.registry.models import ModelRoleRow, ModelRow

# The model that comes with the release; it needs no registration.
SHIPPED = "shipped"
_SHORTEST_PREFIX = 6


class Role(StrEnum):
    """What a model does."""

    ACTIVE = "active"
    SHADOW = "shadow"


@dataclass(frozen=True, slots=True)
class InRole:
    """The model of a role. digest: None is the shipped one as the active model, and none as the shadow."""

    digest: str | None = None
    since: datetime | None = None
    name: str | None = None
    version: str | None = None


async def add(session: AsyncSession, digest: str, size_bytes: int, report: CheckReport, by: str) -> bool:
    """Register a model that was checked; false if it was there already.

    Raises:
        ModelRefused: it did not pass its checks, so nothing was registered.
        ModelVersionTaken: there is another one of this name and version.
    """
    if not report.is_passed:
        raise ModelRefused(f"The model was not added: {report.failures()}")
    if await repository.find(session, digest) is not None:
        return False
    name, version = report.name, report.version
    for other in await repository.all_models(session):
        if (other.name, other.version) == (name, version):
            raise ModelVersionTaken(
                f"{name} {version} is another model ({other.digest[:12]}): give this one another version in its card."
            )
    await repository.add(
        session,
        {
            "digest": digest,
            "name": name,
            "version": version,
            "card": report.card,
            "size_bytes": size_bytes,
            "added_by": by,
            "checks": report.checks,
            "is_usable": True,
        },
    )
    await record(session, Actor(by), Action.MODEL_ADDED, target=f"{name}@{version}", digest=digest)
    return True


async def find(session: AsyncSession, reference: str) -> ModelRow | None:
    """The model of a name, a name and version (`name@version`) or the beginning of a digest; None is the shipped one.

    Raises:
        ModelNotFound: none, or more than one, is called so.
    """
    if reference == SHIPPED:
        return None
    models = await repository.all_models(session)
    found = [model for model in models if _is_meant(model, reference)]
    if len(found) == 1:
        return found[0]
    known = ", ".join(f"{model.name}@{model.version}" for model in models) or "none but the shipped one"
    what = f"{len(found)} models are called" if found else "No model is called"
    raise ModelNotFound(f"{what} {reference}. There are: {known}.")


async def in_roles(session: AsyncSession) -> dict[Role, InRole]:
    """The active model and the shadow."""
    rows = await repository.roles(session)
    return {
        role: InRole(row["digest"], row["since"], row["name"], row["version"]) if row else InRole()
        for role in Role
        for row in [rows.get(role)]
    }


async def give_role(session: AsyncSession, role: Role, digest: str | None, by: str) -> None:
    """Let the model take the role from now on; all web workers see it within a second or two of the commit."""
    await repository.lock_roles(session)
    await repository.set_role(session, role, digest, by)
    await record(session, Actor(by), Action.MODEL_GIVEN_ROLE, target=digest or SHIPPED, role=role.value)


async def roll_back(session: AsyncSession, by: str) -> str | None:
    """Let the model that was active before take over again; its digest, None for the shipped one.

    Raises:
        NothingToRollBack: there was none before.
    """
    await repository.lock_roles(session)
    stack = _stack(await repository.history(session, Role.ACTIVE))
    if len(stack) == 1:
        raise NothingToRollBack("There is nothing to go back to: the shipped model is active.")
    before = stack[-2]
    await repository.set_role(session, Role.ACTIVE, before, by, is_rollback=True)
    await record(session, Actor(by), Action.MODEL_ROLLED_BACK, target=before or SHIPPED)
    return before


def _stack(history: Sequence[ModelRoleRow]) -> list[str | None]:
    """The active models, the present one last; what was rolled back is gone, so going back twice goes further back."""
    stack: list[str | None] = [None]
    for row in history:
        if row.is_rollback:
            stack.pop()
        elif row.digest != stack[-1]:
            stack.append(row.digest)
    return stack


def _is_meant(model: ModelRow, reference: str) -> bool:
    return reference in {model.name, f"{model.name}@{model.version}"} or (
        len(reference) >= _SHORTEST_PREFIX and model.digest.startswith(reference)
    )
