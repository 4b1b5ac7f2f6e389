"""A clip store on the test's own database and folder, and recordings to put into it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from signalcraft.clips import collection, repository, service
from signalcraft.clips.store import ClipStore, open_store
from signalcraft.core.database import Database
from signalcraft.settings import ClipSettings, Settings
from tests.recordings import opened


class Shelf:
    """The store as its users see it."""

    def __init__(self, database: Database, store: ClipStore, folder: Path) -> None:
        self.database, self.store, self.folder = database, store, folder

    async def keep(self, content: bytes, **promise) -> str:
        with opened(content) as file:
            clip = await service.write(self.database, self.store, file)
            async with self.database.session() as session:
                await service.enter(session, self.store, clip, file, **promise)
        return clip.sha256

    async def read(self, sha256: str) -> bytes:
        async with self.database.session(read_only=True) as session:
            with await service.fetch(session, self.store, sha256) as file:
                return file.read()

    async def label(self, sha256: str) -> None:
        async with self.database.session() as session:
            await repository.set_labelled(session, sha256)

    async def rows(self) -> set[str]:
        async with self.database.session(read_only=True) as session:
            return {clip["sha256"] for clip in await repository.newest(session, 100_000)}

    def files(self) -> set[str]:
        return {path.name for path in (self.folder / "clips").glob("??/*")}

    async def age(self, sha256: str, days: int) -> None:
        async with self.database.session() as session:
            connection = await session.connection()
            await connection.exec_driver_sql(
                "UPDATE clips SET stored_at = now() - make_interval(days => $1) WHERE sha256 = $2",
                (days, sha256),
            )

    async def apply(self, **rules) -> collection.Removed:
        return await collection.apply_rules(self.database, self.store, ClipSettings(**rules))

    async def mend(self) -> collection.Mended:
        return await collection.mend(self.database, self.store)


@pytest.fixture
def shelf(settings: Settings, database: Database) -> Iterator[Shelf]:
    store = open_store(settings)
    yield Shelf(database, store, settings.data_dir)
    store.close()
