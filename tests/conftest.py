"""A real PostgreSQL for all tests: one server, built once by the migrations, a database of its own for each test."""

import asyncio
import os

# As in the inference processes: several threads for small matrices wait for each other more than they compute.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import uuid4

import asyncpg
import httpx
import pytest

from signalcraft.core import migrations
from signalcraft.core.database import Database
from signalcraft.core.embedded_postgres import EmbeddedPostgres
from signalcraft.devices import service as devices
from signalcraft.diagnosis.pool import InferencePool
from signalcraft.settings import PLAIN_NAMES, Settings
from tests.access.scene import Scene

REPOSITORY = Path(__file__).parents[1]
SAMPLES = REPOSITORY / "samples"
SHARED_DATA = REPOSITORY.parent / "shared" / "data"


@pytest.fixture(scope="session", autouse=True)
def _no_settings_from_outside() -> None:
    """The developer's own environment must not decide what the tests see."""
    for name in list(os.environ):
        if name.startswith("SIGNALCRAFT_") or name in PLAIN_NAMES:
            del os.environ[name]


@pytest.fixture(scope="session")
def short_folder() -> Iterator[Path]:
    """A folder with a path short enough for unix sockets."""
    folder = Path(tempfile.mkdtemp(prefix="sc-"))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres_url(short_folder: Path) -> Iterator[str]:
    """A running PostgreSQL."""
    with EmbeddedPostgres(short_folder / "data") as server:
        yield server.database_url


@pytest.fixture(scope="session")
def migrated_template(postgres_url: str) -> str:
    """The name of a database that the migrations have built, and in which nothing else is ever done."""
    name = "migrated"
    asyncio.run(_administer(postgres_url, f"CREATE DATABASE {name}"))
    migrations.upgrade(_with_name(postgres_url, name))
    return name


@pytest.fixture
async def database_url(postgres_url: str, migrated_template: str) -> AsyncIterator[str]:
    """A database of this test alone."""
    name = f"test_{uuid4().hex}"
    await _administer(postgres_url, f'CREATE DATABASE {name} TEMPLATE "{migrated_template}" STRATEGY wal_log')
    yield _with_name(postgres_url, name)
    await _administer(postgres_url, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def settings(database_url: str, tmp_path: Path) -> Settings:
    """Default settings on the test's own database."""
    return Settings.model_validate({"database": {"url": database_url}, "data_dir": tmp_path / "data"})


@pytest.fixture
async def database(settings: Settings, database_url: str) -> AsyncIterator[Database]:
    """Sessions on the test's own database."""
    database = Database(database_url, settings.database)
    yield database
    await database.close()


@pytest.fixture(scope="session")
def inference_pool() -> Iterator[InferencePool]:
    """Two warm inference processes, shared by all tests that do not kill them."""
    pool = InferencePool(processes=2)
    pool.start()
    pool.wait_ready(timeout_s=60)
    yield pool
    pool.stop()


@pytest.fixture(scope="session")
def background_pool() -> Iterator[InferencePool]:
    """The one process for what nobody waits for."""
    pool = InferencePool(processes=1)
    pool.start()
    yield pool
    pool.stop()


@pytest.fixture
def running(settings: Settings, inference_pool: InferencePool, background_pool: InferencePool):
    """Start the application: `async with running() as client`; keyword arguments are settings by group."""

    from signalcraft.app import create_app  # noqa: PLC0415 - it reads the environment when it is imported

    @asynccontextmanager
    async def run(**groups: dict) -> AsyncIterator[httpx.AsyncClient]:
        values = settings.model_dump() | {
            "inference": {"socket": inference_pool.address, "background_socket": background_pool.address}
        }
        values["database"]["url"] = settings.database.url.get_secret_value()
        for group, changes in groups.items():
            values[group] = {**values[group], **changes}
        app = create_app(Settings.model_validate(values))
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with (
            app.router.lifespan_context(app),
            httpx.AsyncClient(transport=transport, base_url="http://signalcraft.test") as client,
        ):
            client.app = app
            yield client

    return run


@pytest.fixture
async def client(running) -> AsyncIterator[httpx.AsyncClient]:
    """The application as it starts by default: device routes need a token."""
    async with running() as client:
        yield client


@pytest.fixture
async def open_client(running) -> AsyncIterator[httpx.AsyncClient]:
    """The application with open device access."""
    async with running(devices={"access": "open"}) as client:
        yield client


class Sensor:
    """A registered device with its token."""

    def __init__(self, client: httpx.AsyncClient, device_id: str, token: str) -> None:
        self.client, self.device_id, self.token = client, device_id, token
        self.headers = {"Authorization": f"Bearer {token}"}

    async def post(self, path: str, **request) -> httpx.Response:
        return await self.client.post(path, headers=self.headers | request.pop("headers", {}), **request)

    async def get(self, path: str, **request) -> httpx.Response:
        return await self.client.get(path, headers=self.headers, **request)


async def registered(client: httpx.AsyncClient, database: Database, device_id: str) -> Sensor:
    async with database.session() as session:
        token = await devices.add_device(session, device_id, None)
    return Sensor(client, device_id, token.secret)


@pytest.fixture
async def sensor(client: httpx.AsyncClient, database: Database) -> Sensor:
    """A sensor with a token."""
    return await registered(client, database, "sensor-1")


@pytest.fixture
async def another_sensor(client: httpx.AsyncClient, database: Database) -> Sensor:
    """Another machine's sensor."""
    return await registered(client, database, "sensor-2")


@pytest.fixture
async def scene(client: httpx.AsyncClient, database: Database) -> Scene:
    """A shop with its people and a machine, and another shop."""
    scene = await Scene.made(database)
    await scene.set_up()
    return scene


def _with_name(url: str, name: str) -> str:
    address, mark, parameters = url.partition("?")
    return address.rsplit("/", 1)[0] + f"/{name}{mark}{parameters}"


async def _administer(url: str, statement: str) -> None:
    connection = await asyncpg.connect(_with_name(url, "postgres"))
    await connection.execute(statement)
    await connection.close()
