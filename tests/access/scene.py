"""A shop with its people and a machine, another shop, and things to ask for: made anew for each request that is tried."""

from dataclasses import dataclass, field
from datetime import timedelta
from uuid import UUID, uuid4

import httpx
from sqlalchemy import text

from signalcraft.audit.service import Actor
from signalcraft.auth import access_token_repository, access_tokens
from signalcraft.auth.sessions import Origin, open_session
from signalcraft.core.clock import utcnow
from signalcraft.core.database import Database
from signalcraft.devices import service as devices
from signalcraft.sites import members
from signalcraft.sites import repository as sites
from signalcraft.sites.roles import Role
from tests.people import SESSION, add_user

SHOP, OTHER_SHOP = "shop", "other-shop"
TASK = text("""
    INSERT INTO analysis_tasks (id, device_id, recorded_at, clip_sha256, lane, turn, status, finished_at)
    VALUES (:id, :device_id, now(), 'none', :device_id, 0, 'FAILURE', now())
""")
JOB = text("INSERT INTO analysis_jobs (id, device_id) VALUES (:id, :device_id)")
PUT_IN_JOB = text("UPDATE analysis_tasks SET job_id = :id, position = 0 WHERE id = :task_id")
ADD_SITE = text("INSERT INTO sites (site_id, name) VALUES (:site_id, :site_id)")
PLACE = text("UPDATE devices SET site_id = :site_id WHERE device_id = :device_id")
DIAGNOSE = text("""
    INSERT INTO diagnoses (id, device_id, recorded_at, verdict, state, probabilities, confidence, anomaly_score,
        threshold, message, processing_time_ms, model_name, model_version, duration_s, sample_rate_hz, channels,
        peak_dbfs)
    VALUES (:id, :device_id, now(), 'normal', 'healthy', '{}', 0.9, 0.1, 0.5, 'It runs as it should.', 9, 'm', '1',
        3, 16000, 1, -3)
""")


@dataclass
class Scene:
    """The people, by what they are. `ids` and `token` are those of the things of the request that is being tried."""

    database: Database
    users: dict[str, UUID] = field(default_factory=dict)
    ids: dict[str, str] = field(default_factory=dict)
    token: str = ""

    @classmethod
    async def made(cls, database: Database) -> "Scene":
        scene = cls(database)
        async with database.session() as session:
            for site_id in (SHOP, OTHER_SHOP):
                await session.execute(ADD_SITE, {"site_id": site_id})
        for role in Role:
            scene.users[role] = await add_user(database, role, roles={SHOP: role})
        scene.users["admin"] = await add_user(database, "admin", is_admin=True)
        scene.users["stranger"] = await add_user(database, "stranger", roles={OTHER_SHOP: Role.OWNER})
        scene.users["nothing"] = await add_user(database, "nothing")
        return scene

    async def set_up(self) -> None:
        """Fresh things, one for each parameter that an address may have. A new kind of thing gets a line here."""
        device_id, self.token = await self.device(SHOP)
        self.ids = {
            "site_id": SHOP,
            "device_id": device_id,
            "diagnosis_id": await self.diagnosis(device_id),
            "user_id": str(await self.member()),
            "invitation_id": await self.invitation(),
            "task_id": await self.task(device_id),
            "job_id": await self.job(device_id),
            "session_id": str(uuid4()),
            "token_id": str(uuid4()),
        }

    async def device(self, site_id: str) -> tuple[str, str]:
        """A new device of a site, and its token."""
        device_id = f"machine-{uuid4().hex[:12]}"
        async with self.database.session() as session:
            issued = await devices.add_device(session, device_id, None)
            await session.execute(PLACE, {"device_id": device_id, "site_id": site_id})
        return device_id, issued.secret

    async def member(self) -> UUID:
        """A new viewer of the shop."""
        return await add_user(self.database, f"member-{uuid4().hex[:12]}", roles={SHOP: Role.VIEWER})

    async def invitation(self) -> str:
        """A new invitation of the shop, by its id."""
        async with self.database.session() as session:
            before = {row["invitation_id"] for row in await sites.invitations(session, SHOP)}
            await members.invite(session, Actor("scene"), SHOP, Role.VIEWER)
            now = {row["invitation_id"] for row in await sites.invitations(session, SHOP)}
            if len(now) > 50:
                await session.execute(
                    text("DELETE FROM invitations WHERE invitation_id = ANY(:old)"), {"old": list(before)}
                )
        return str((now - before).pop())

    async def diagnosis(self, device_id: str | None) -> str:
        """A new diagnosis."""
        diagnosis_id = uuid4()
        async with self.database.session() as session:
            await session.execute(DIAGNOSE, {"id": diagnosis_id, "device_id": device_id})
        return str(diagnosis_id)

    async def job(self, device_id: str) -> str:
        """A new job with one task that has failed."""
        job_id = uuid4()
        async with self.database.session() as session:
            await session.execute(JOB, {"id": job_id, "device_id": device_id})
            await session.execute(PUT_IN_JOB, {"id": job_id, "task_id": UUID(await self.task(device_id))})
        return str(job_id)

    async def task(self, device_id: str) -> str:
        """A new task that has failed."""
        task_id = uuid4()
        async with self.database.session() as session:
            await session.execute(TASK, {"id": task_id, "device_id": device_id})
        return str(task_id)

    async def session_of(self, who: str) -> httpx.Headers:
        """The headers of a browser that is signed in, without the time that a password takes."""
        async with self.database.session() as session:
            issued = await open_session(session, self.users[who], Origin("192.0.2.1", ""), timedelta(hours=1))
        return httpx.Headers({"Cookie": f"{SESSION}={issued.secret}", "Sec-Fetch-Site": "same-origin"})

    async def script_of(self, who: str, *scopes: str, life: timedelta = timedelta(hours=1)) -> httpx.Headers:
        """The headers of a script of this person; with all scopes by default."""
        issued = access_tokens.new_token()
        values = {
            "digest": issued.digest,
            "token_id": uuid4(),
            "user_id": self.users[who],
            "name": "script",
            "scopes": list(scopes or ("read", "ingest", "manage")),
            "expires_at": utcnow() + life,
        }
        async with self.database.session() as session:
            await access_token_repository.add(session, values)
        return bearer(issued.secret)


def bearer(token: str) -> httpx.Headers:
    return httpx.Headers({"Authorization": f"Bearer {token}"})
