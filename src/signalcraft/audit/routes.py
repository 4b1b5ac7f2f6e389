"""Reading the audit log."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query
from pydantic import BaseModel, Field

from signalcraft.access.needs import ACCESS_ERRORS, CREDENTIALS, needs
from signalcraft.access.rights import Right
from signalcraft.audit import repository
from signalcraft.core.database import ReadSession
from signalcraft.core.errors import DatabaseUnavailable, Invalid
from signalcraft.core.problems import problems
from signalcraft.devices.access import Caller
from signalcraft.sites.errors import SiteUnknown
from signalcraft.sites.service import SITE_ID_PATTERN
from signalcraft.sites.things import SITE

Auditor = Annotated[Caller, Depends(needs(Right.AUDIT, of=SITE))]
Administrator = Annotated[Caller, Depends(needs(Right.ADMINISTER))]
LAST_ID = 2**63 - 1
Before = Annotated[int, Query(ge=1, le=LAST_ID, description="`next_before` of the page before.")]
Limit = Annotated[int, Query(ge=1, le=1000)]

router = APIRouter(prefix="/api", tags=["audit"], dependencies=CREDENTIALS)


class AuditEvent(BaseModel):
    """Somebody did something."""

    event_id: int
    at: datetime
    actor: str = Field(description="Who, as they were called then.", examples=["minji"])
    address: str | None = Field(examples=["192.0.2.7"])
    action: str = Field(examples=["device_added"])
    target: str | None = Field(description="To whom or what.", examples=["test-device-1"])
    site_id: str | None = Field(examples=["default"])
    details: dict[str, Any]


class AuditPage(BaseModel):
    """Events, the newest first."""

    success: bool = True
    data: list[AuditEvent]
    count: int
    next_before: int | None = Field(description="For the next page; null on the last one.")


@router.get(
    "/sites/{site_id}/audit",
    responses=problems(*ACCESS_ERRORS, SiteUnknown, Invalid, DatabaseUnavailable),
)
async def get_site_audit(
    _caller: Auditor,
    session: ReadSession,
    site_id: Annotated[str, Path(pattern=SITE_ID_PATTERN)],
    before: Before = LAST_ID,
    limit: Limit = 100,
) -> AuditPage:
    """Who did what at a site, and how its members signed in since they are members."""
    return _page(await repository.page(session, site_id=site_id, before=before, limit=limit + 1), limit)


@router.get("/audit", responses=problems(*ACCESS_ERRORS, Invalid, DatabaseUnavailable))
async def get_audit(
    _caller: Administrator, session: ReadSession, before: Before = LAST_ID, limit: Limit = 100
) -> AuditPage:
    """Who did what, everywhere."""
    return _page(await repository.page(session, site_id=None, before=before, limit=limit + 1), limit)


def _page(rows: Any, limit: int) -> AuditPage:
    data = [AuditEvent(**row) for row in rows[:limit]]
    return AuditPage(data=data, count=len(data), next_before=data[-1].event_id if len(rows) > limit else None)
