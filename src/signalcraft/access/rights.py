"""The rights, and who has them. `docs/access.md` shows the same table to people, and a test compares the two."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from signalcraft.auth.person import Scope
from signalcraft.sites.roles import Role


class Right(StrEnum):
    """What may be done at a site, or (`administer`) with the whole service."""

    READ = "read"
    INGEST = "ingest"
    LABEL = "label"
    BASELINE = "baseline"
    DEVICES = "devices"
    SITE = "site"
    AUDIT = "audit"
    ADMINISTER = "administer"


_VIEWER: Final = frozenset({Right.READ})
_ENGINEER: Final = _VIEWER | {Right.INGEST, Right.LABEL, Right.BASELINE}
_OWNER: Final = _ENGINEER | {Right.DEVICES, Right.SITE, Right.AUDIT}

ROLE_RIGHTS: Final[Mapping[Role, frozenset[Right]]] = {
    Role.VIEWER: _VIEWER,
    Role.ENGINEER: _ENGINEER,
    Role.OWNER: _OWNER,
}
# At its own machine alone.
DEVICE_RIGHTS: Final = frozenset({Right.READ, Right.INGEST, Right.LABEL, Right.BASELINE})
# Of anyone, where the device routes are open.
OPEN_RIGHTS: Final = frozenset({Right.READ, Right.INGEST})
# A script has the rights of its user that its scopes name. None names what could make a stolen token lasting: people, their
# roles, passwords and invitations are for sessions alone.
SCOPE_RIGHTS: Final[Mapping[Scope, frozenset[Right]]] = {
    Scope.READ: frozenset({Right.READ, Right.AUDIT}),
    Scope.INGEST: frozenset({Right.INGEST}),
    Scope.MANAGE: frozenset({Right.LABEL, Right.BASELINE, Right.DEVICES}),
}
