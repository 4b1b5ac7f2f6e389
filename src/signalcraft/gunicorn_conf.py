"""Gunicorn's settings, from ours: `gunicorn -c python:signalcraft.gunicorn_conf signalcraft.app:app`.

The master applies the migrations, starts the inference processes and loads the application; the workers are forks of
it, so that a new one serves at once and shares the libraries' memory with the others. SIGHUP therefore replaces the
workers but brings no new code: a new release is brought by a restart.
"""

import asyncio
import gc
import os
import signal
import sys
import time
from typing import Any, NoReturn

import asyncpg
from gunicorn.glogging import Logger
from sqlalchemy.exc import DBAPIError

from signalcraft.auth.first_start import print_setup_code
from signalcraft.core import migrations
from signalcraft.core.logging import configure_logging, get_logger
from signalcraft.core.processes import die_with_parent
from signalcraft.diagnosis.pools import Pools
from signalcraft.gunicorn_worker import CONNECTION_COUNTS
from signalcraft.settings import Settings, SettingsError, get_settings

# A database that is just starting, for the first time or again after a crash, is waited for this long.
_DATABASE_PATIENCE_S = 60.0
_DATABASE_RETRY_S = 0.1
_DATABASE_CONNECT_TIMEOUT_S = 10.0
# What PostgreSQL and its socket say while it is away or starting.
_NOT_YET = (
    OSError,
    TimeoutError,
    asyncpg.CannotConnectNowError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.PostgresConnectionError,
    asyncpg.TooManyConnectionsError,
)
# What a connection that worked says besides when PostgreSQL goes away under it.
_LOST = (*_NOT_YET, asyncpg.InterfaceError, asyncpg.InternalClientError)


def _give_up(sentence: str, *, code: int) -> NoReturn:
    print(sentence, file=sys.stderr)  # noqa: T201 - for the person who started it
    raise SystemExit(code)


def _read_settings() -> Settings:
    try:
        return get_settings()
    except SettingsError as refused:
        _give_up(str(refused), code=2)


class JsonLogger(Logger):  # type: ignore[misc]  # Gunicorn publishes no types.
    """Gunicorn's own messages go where all others go, in the same form."""

    def setup(self, cfg: Any) -> None:
        """Leave the writing to the root logger."""
        super().setup(cfg)
        self.error_log.handlers.clear()
        self.error_log.propagate = True


_settings = _read_settings()
configure_logging(_settings.log.level)
_logger = get_logger(__name__)

_host = f"[{_settings.server.host}]" if ":" in _settings.server.host else _settings.server.host
bind = f"{_host}:{_settings.server.port}"
backlog = _settings.server.backlog
workers = _settings.server.workers
worker_class = "signalcraft.gunicorn_worker.Worker"
timeout = _settings.server.timeout_s
keepalive = _settings.server.keepalive_s
graceful_timeout = _settings.server.graceful_timeout_s
max_requests = _settings.server.max_requests
max_requests_jitter = _settings.server.max_requests_jitter
loglevel = _settings.log.level
logger_class = JsonLogger
# A worker shows that it lives by touching a file; in memory that can't fail because a disk is full.
worker_tmp_dir = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # noqa: S108 - no name in it is ours
# Its default path is one for all of the user's Gunicorns.
control_socket_disable = True


def on_starting(server: Any) -> None:
    """Before the first worker: the inference processes, the tables, the application."""
    if _settings.database.url is None:
        _give_up(
            "DATABASE_URL is not set; set it, or use `signalcraft serve`, which brings PostgreSQL along.",
            code=2,
        )
    pools = server.inference_pools = Pools.of(_settings)
    os.environ["SIGNALCRAFT_INFERENCE_SOCKET"] = pools.answering.address
    os.environ["SIGNALCRAFT_BACKGROUND_SOCKET"] = pools.background.address
    get_settings.cache_clear()
    # They warm up while the master goes on.
    pools.start()
    url = _settings.database.url.get_secret_value()
    _migrate(url)
    print_setup_code(url, f"http://{bind}")
    # FastAPI puts its routes together when they are first asked for; the document asks for all of them.
    server.app.wsgi().openapi()
    # What was made so far stays; the garbage collector would only copy its pages into each worker.
    gc.freeze()


def post_fork(_server: Any, worker: Any) -> None:
    """In the new worker: a master that is killed takes its workers along, so that none holds the port."""
    die_with_parent(signal.SIGKILL, parent_pid=worker.ppid)


def child_exit(_server: Any, worker: Any) -> None:
    """After the end of a worker, which may have had no time to say so itself."""
    CONNECTION_COUNTS.leave(worker.age)


def on_exit(server: Any) -> None:
    """After the last worker."""
    server.inference_pools.stop()


def _migrate(url: str) -> None:
    """Bring the tables up to date; a database that goes away meanwhile only delays it.

    Each migration is one transaction, so what was interrupted has not happened.
    """
    deadline = time.monotonic() + _DATABASE_PATIENCE_S
    while True:
        _wait_for_database(url, deadline)
        try:
            migrations.upgrade(url)
        except (DBAPIError, *_LOST) as error:
            # asyncpg's own exception is beneath SQLAlchemy's two wrappers.
            cause = getattr(error.orig, "__cause__", None) if isinstance(error, DBAPIError) else error
            if not isinstance(cause, _LOST) and not getattr(error, "connection_invalidated", False):
                raise  # The migration itself is at fault; its author needs the whole story.
            if time.monotonic() > deadline:
                _give_up(f"The database of DATABASE_URL was lost during the migration: {cause}", code=1)
            _logger.warning("migration_interrupted", reason=str(cause))
            time.sleep(_DATABASE_RETRY_S)
        else:
            return


def _wait_for_database(url: str, deadline: float) -> None:
    is_first_try = True
    while True:
        try:
            asyncio.run(_connect_once(url))
        except _NOT_YET as away:
            if is_first_try:
                _logger.warning("waiting_for_database", reason=str(away))
                is_first_try = False
            if time.monotonic() > deadline:
                _give_up(f"The database of DATABASE_URL can't be reached: {away}", code=1)
            time.sleep(_DATABASE_RETRY_S)
        except (asyncpg.PostgresError, asyncpg.InterfaceError) as refused:
            _give_up(f"The database of DATABASE_URL can't be used: {refused}", code=1)
        else:
            return


async def _connect_once(url: str) -> None:
    connection = await asyncpg.connect(url, timeout=_DATABASE_CONNECT_TIMEOUT_S)
    await connection.close()
