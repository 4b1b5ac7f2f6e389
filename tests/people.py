"""People with their browsers, as the tests meet them."""

from functools import lru_cache
from uuid import UUID

import httpx

from signalcraft.auth import service
from signalcraft.auth.passwords import hash_now
from signalcraft.core.database import Database
from signalcraft.sites import repository as sites
from signalcraft.sites.roles import Role

PASSWORD = "correct horse battery staple"
SESSION = "sessionId"


@lru_cache
def hashed(password: str) -> str:
    """Once for all tests: it takes its time on purpose."""
    return hash_now(password)


class Browser:
    """A person's browser: it keeps cookies and tells where its requests come from."""

    def __init__(
        self,
        app,
        username: str = "",
        *,
        address: str = "192.0.2.1",
        base_url: str = "http://signalcraft.test",
    ) -> None:
        self.username = username
        self.http = httpx.AsyncClient(
            transport=httpx.ASGITransport(app, raise_app_exceptions=False, client=(address, 50_000)),
            base_url=base_url,
            headers={"Sec-Fetch-Site": "same-origin"},
        )

    async def log_in(self, password: str = PASSWORD, username: str | None = None) -> httpx.Response:
        credentials = {"username": username or self.username, "password": password}
        return await self.http.post("/api/auth/login", json=credentials)

    async def verify(self) -> httpx.Response:
        return await self.http.get("/api/auth/verify")

    @property
    def token(self) -> str:
        return self.http.cookies[SESSION]


async def add_user(
    database: Database,
    username: str,
    *,
    password_hash: str | None = None,
    is_admin: bool = False,
    roles: dict[str, Role] | None = None,
) -> UUID:
    async with database.session() as session:
        user_id = await service.add_user(
            session,
            username,
            f"{username}@shop.example",
            password_hash or hashed(PASSWORD),
            is_admin=is_admin,
        )
        for site_id, role in (roles or {}).items():
            await sites.set_member(session, user_id, site_id, role)
    return user_id
