"""The web application: `signalcraft.app:app` for Gunicorn, `create_app()` for everyone else."""

import asyncio
import os
import tempfile
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager, suppress

from fastapi import FastAPI

import signalcraft.audit.models
import signalcraft.auth.models
import signalcraft.devices.models
import signalcraft.sites.models  # noqa: F401 - the tables know each other
from signalcraft import __version__, health
from signalcraft.audit import routes as audit_routes
from signalcraft.auth import routes as auth_routes
from signalcraft.auth import token_routes, user_routes
from signalcraft.auth.current import Auth
from signalcraft.baselines import routes as baseline_routes
from signalcraft.baselines import upkeep as baseline_upkeep
from signalcraft.baselines.learner import Learner
from signalcraft.baselines.own import Baselines
from signalcraft.clips import collection
from signalcraft.clips.store import open_store
from signalcraft.core.body_limit import BodyLimit
from signalcraft.core.border import add_border
from signalcraft.core.database import Database
from signalcraft.core.logging import configure_logging, get_logger
from signalcraft.core.problems import install_problem_handlers
from signalcraft.core.rate_limit import Limits
from signalcraft.devices import routes as device_routes
from signalcraft.devices.token_cache import TokenCache
from signalcraft.diagnosis import label_routes
from signalcraft.diagnosis import routes as diagnosis_routes
from signalcraft.diagnosis.client import InferenceClient
from signalcraft.diagnosis.pictures import Pictures
from signalcraft.diagnosis.pools import Pools
from signalcraft.diagnosis.upload import Uploads
from signalcraft.registry.files import ModelFiles
from signalcraft.registry.shadow import Shadow
from signalcraft.registry.watch import ModelWatch
from signalcraft.settings import DeviceAccess, Settings, SettingsError, get_settings
from signalcraft.sites import routes as site_routes
from signalcraft.tasks import job_routes
from signalcraft.tasks import routes as task_routes
from signalcraft.tasks.news import TaskNews
from signalcraft.tasks.performing import Workshop
from signalcraft.tasks.runner import TableRunner
from signalcraft.tasks.streams import Streams
from signalcraft.tasks.upkeep import TaskUpkeep
from signalcraft.telemetry import routes as telemetry_routes
from signalcraft.telemetry.batch_room import BatchRoom
from signalcraft.telemetry.ingest import Ingest
from signalcraft.telemetry.shortcut import Shortcut
from signalcraft.telemetry.upkeep import run_upkeep
from signalcraft.web.docs import install_docs

DESCRIPTION = """
Listens to refrigeration and air compressors. Sensors post readings and recordings; SignalCraft stores them and
tells whether a machine still runs as it should, what is probably wrong, and how sure it is.

* **200 means stored**: it is sent after PostgreSQL has committed.
* **Send again** whatever was not answered: a reading is stored once however often it is sent.
* **Errors** are RFC 9457 problem details with a stable `code`; with 503, wait for `Retry-After` seconds.
* **Times** may be seconds or milliseconds since 1970 or ISO 8601; they are given back as ISO 8601 in UTC.
"""

logger = get_logger(__name__)


def create_app(settings: Settings | None = None) -> FastAPI:
    """The application with these settings, by default those of the environment."""
    app = FastAPI(
        title="SignalCraft",
        version=__version__,
        description=DESCRIPTION,
        lifespan=_lifespan,
        docs_url=None,
        redoc_url=None,
    )
    app.state.settings = settings or get_settings()
    install_problem_handlers(app)
    install_docs(app)
    app.include_router(health.router)
    for router in (
        auth_routes.router,
        token_routes.router,
        user_routes.router,
        site_routes.router,
        device_routes.router,
        audit_routes.router,
    ):
        app.include_router(router)
    app.include_router(telemetry_routes.router)
    app.include_router(diagnosis_routes.router)
    app.include_router(baseline_routes.router)
    app.include_router(label_routes.router)
    app.include_router(task_routes.router)
    app.include_router(job_routes.router)
    app.add_middleware(BodyLimit)
    app.add_middleware(Shortcut)
    add_border(app, app.state.settings.server)
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[dict[str, Callable[[], None]]]:
    """Start what the routes need, in order, and stop it in the reverse order."""
    settings: Settings = app.state.settings
    configure_logging(settings.log.level)
    url = _database_url(settings)
    # A full disk must be an error; left to itself, Python would look for room in other folders.
    tempfile.tempdir = str(settings.recordings.temp_dir or os.environ.get("TMPDIR") or "/tmp")  # noqa: S108
    async with AsyncExitStack() as stack:
        database = app.state.database = Database(url, settings.database)
        stack.push_async_callback(database.close)
        app.state.is_device_access_open = _is_device_access_open(settings)
        app.state.device_tokens = TokenCache(database, url, settings.devices.token_cache_s)
        await _run_beside(stack, app.state.device_tokens.listen())
        auth = app.state.auth = Auth.start(database, url, settings)
        stack.push_async_callback(auth.close)
        ingest = app.state.ingest = Ingest(url, settings.ingest)
        await ingest.start()
        stack.push_async_callback(ingest.stop)
        app.state.batch_room = BatchRoom()
        clips = app.state.clips = open_store(settings)
        stack.callback(clips.close)
        app.state.limits = Limits.of(settings.limits)
        app.state.uploads = Uploads(limit=2 * settings.inference.max_in_flight)
        app.state.inference, background = _inference(stack, settings)
        models = app.state.models = ModelWatch(database, ModelFiles(settings))
        await models.look()
        app.state.baselines = Baselines(database)
        learner = app.state.learner = Learner(database, background)
        shadow = app.state.shadow = Shadow(database, background, models, settings.inference.shadow_in_flight)
        stack.push_async_callback(shadow.stop)
        app.state.pictures = Pictures(background, clips)
        heartbeat = health.Heartbeat(
            database, app.state.inference, settings.inference.processes, lambda: models.problem
        )
        app.state.heartbeat = heartbeat
        await _run_beside(stack, models.run())
        await _run_beside(stack, learner.run())
        await _run_beside(stack, baseline_upkeep.run_upkeep(database, settings.retention))
        await _run_beside(stack, heartbeat.run())
        await _run_beside(stack, run_upkeep(database, settings))
        await _run_beside(stack, collection.run_upkeep(database, clips, settings.clips))
        await _tasks(stack, app, url)
        # For the server: what it calls when it begins to shut down, and waits for answers that are still being sent.
        yield {"on_draining": app.state.task_news.end}


def _database_url(settings: Settings) -> str:
    if settings.database.url is None:
        raise SettingsError(
            "DATABASE_URL is not set; set it, or use `signalcraft serve`, which brings PostgreSQL along."
        )
    return settings.database.url.get_secret_value()


def _is_device_access_open(settings: Settings) -> bool:
    if settings.devices.access is not DeviceAccess.OPEN:
        return False
    logger.warning(
        "device_access_open",
        meaning="Anyone who reaches this address can post and read as any device; use it on closed networks only.",
    )
    return True


def _inference(stack: AsyncExitStack, settings: Settings) -> tuple[InferenceClient, InferenceClient]:
    """The ways to the inference processes, for answers and for the background; started here if no Gunicorn has."""
    address, background = settings.inference.socket, settings.inference.background_socket
    if address is None or background is None:
        pools = Pools.of(settings)
        pools.start()
        stack.callback(pools.stop)
        address, background = pools.answering.address, pools.background.address

    def client(address: str, max_in_flight: int) -> InferenceClient:
        return InferenceClient(
            address,
            max_in_flight=max_in_flight,
            time_limit_s=settings.inference.time_limit_s,
            take_limit_s=settings.inference.take_limit_s,
        )

    return (
        client(address, settings.inference.max_in_flight),
        client(background, settings.inference.max_in_flight),
    )


async def _tasks(stack: AsyncExitStack, app: FastAPI, url: str) -> None:
    """The work on recordings that are judged later."""
    state, settings = app.state, app.state.settings
    shop = Workshop(
        state.database, state.clips, state.inference, state.baselines, state.models, state.shadow, settings
    )
    news = state.task_news = TaskNews(url)
    await _run_beside(stack, news.listen())
    state.task_streams = Streams(state.database, news, settings.tasks)
    # Each may hold a hundred files and a hundred megabytes of the disk.
    state.batch_uploads = Uploads(limit=1)
    upkeep = state.task_upkeep = TaskUpkeep(shop)
    await _run_beside(stack, upkeep.run())
    runner = state.task_runner = TableRunner(shop, news)
    runner.start()
    stack.push_async_callback(runner.stop)


async def _run_beside(stack: AsyncExitStack, work: Coroutine[None, None, None]) -> None:
    """Run `work` until the application stops; its unexpected end is logged."""
    task = asyncio.create_task(work)
    task.add_done_callback(_log_unexpected_end)

    async def end() -> None:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task

    stack.push_async_callback(end)


def _log_unexpected_end(task: asyncio.Task[None]) -> None:
    if not task.cancelled():
        logger.error("background_work_ended", exc_info=task.exception())


app = create_app()
