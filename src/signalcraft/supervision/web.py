"""The Gunicorn master as a child, on a listening socket that outlives it."""

import errno
import os
import signal
import socket
import subprocess
import sys
import time

from signalcraft.core.operator_error import OperatorError
from signalcraft.core.processes import die_with_parent
from signalcraft.settings import ServerSettings, Settings

# The children of a killed serve need a moment to leave the port.
_PORT_PATIENCE_S = 1.0
_POLL_S = 0.05
# A first master that ends by itself this soon has something to say that starting it again won't change.
_REFUSAL_S = 30.0
# Beyond Gunicorn's own graceful time.
_STOP_MARGIN_S = 5.0


def listen(server: ServerSettings) -> socket.socket:
    """A socket that listens on the host and port of the settings.

    Raises:
        OperatorError: the port is taken, or the address is none of this machine's.
    """
    deadline = time.monotonic() + _PORT_PATIENCE_S
    while True:
        try:
            family, _, _, _, address = socket.getaddrinfo(server.host, server.port, type=socket.SOCK_STREAM)[
                0
            ]
            return socket.create_server(address[:2], family=family, backlog=server.backlog)
        except OSError as refused:
            if refused.errno != errno.EADDRINUSE:
                reason = (
                    os.strerror(refused.errno) if refused.errno and refused.errno > 0 else refused.strerror
                )
                raise OperatorError(
                    f"Can't listen on {server.host}, port {server.port} ({reason}): choose others with --host "
                    "and --port, or HOST and PORT."
                ) from None
            if time.monotonic() > deadline:
                raise OperatorError(
                    f"Port {server.port} on {server.host} is in use by another program: stop that one, or choose "
                    "another port with --port or PORT."
                ) from None
        time.sleep(_POLL_S)


class Web:
    """Gunicorn with its workers and inference processes."""

    def __init__(self, settings: Settings, listener: socket.socket, database_url: str) -> None:
        self._settings = settings
        self._listener = listener
        self._database_url = database_url
        self._process: subprocess.Popen[bytes] | None = None
        self._starts = 0
        self._started_s = 0.0
        host, port = listener.getsockname()[:2]
        self.address = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"

    @property
    def is_running(self) -> bool:
        """Whether the master is there."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Start the master."""
        self._starts += 1
        self._started_s = time.monotonic()
        listener = self._listener.fileno()
        serve_pid = os.getpid()
        gunicorn = [sys.executable, "-P", "-m", "gunicorn", "-c", "python:signalcraft.gunicorn_conf"]
        self._process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
            [*gunicorn, "--bind", f"fd://{listener}", "signalcraft.app:app"],
            stdin=subprocess.DEVNULL,
            pass_fds=(listener,),
            env=os.environ | {"DATABASE_URL": self._database_url},
            # A Ctrl-C in the terminal is for serve alone.
            start_new_session=True,
            # What is not answered when serve is killed can't be stored either: the embedded PostgreSQL goes with it.
            preexec_fn=lambda: die_with_parent(signal.SIGKILL, parent_pid=serve_pid),  # noqa: PLW1509 - serve has one thread
        )

    def refusal(self) -> int | None:
        """The exit code of a first master that has refused to run; it has said why itself."""
        if self._starts != 1 or self._process is None or self.is_running:
            return None
        code = self._process.returncode
        lived_s = time.monotonic() - self._started_s
        return code if code > 0 and lived_s < _REFUSAL_S else None

    def stop(self) -> None:
        """Take no more connections, answer the requests that came, and end."""
        self._listener.close()
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(self._settings.server.graceful_timeout_s + _STOP_MARGIN_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
