"""PostgreSQL and Gunicorn under one parent.

    serve ─┬─ postgres            in a session of its own; told to stop by the kernel if serve is killed
           └─ gunicorn master     likewise; killed by the kernel, and its children with it
                ├─ web workers
                └─ inference processes

Ctrl-C and SIGTERM reach serve alone, which ends the children in the order in which they need each other. serve also
holds the listening socket: while a killed Gunicorn is started again, requests wait in line instead of being refused.
"""

import contextlib
import time
from collections.abc import Callable

from signalcraft.core.embedded_postgres import EmbeddedPostgres
from signalcraft.core.logging import get_logger
from signalcraft.settings import Settings
from signalcraft.supervision.kept import Kept
from signalcraft.supervision.signals import Signals
from signalcraft.supervision.web import Web, listen

_TICK_S = 0.5
_POLL_S = 0.01

logger = get_logger(__name__)


def run_service(settings: Settings) -> int:
    """Run everything until a signal asks for the end; returns the exit code.

    Raises:
        FolderLost: the data folder was moved or deleted.
        OperatorError: it can't run here; the message says what to change.
    """
    with Signals() as signals, contextlib.ExitStack() as stack:
        listener = stack.enter_context(listen(settings.server))
        children: list[Kept] = []
        preconditions: list[Callable[[], None]] = []
        url = settings.database.url.get_secret_value() if settings.database.url else None
        if url is None:
            postgres = _start_postgres(settings, signals, stack)
            children.append(Kept("postgres", postgres.relaunch, lambda: postgres.is_running))
            preconditions.append(postgres.require_folder)
            url = postgres.database_url
        web = Web(settings, listener, url)
        stack.callback(web.stop)
        if not signals.end_requested:
            web.start()
            logger.info("serving", address=web.address, docs=f"{web.address}/docs")
        children.append(Kept("gunicorn", web.start, lambda: web.is_running))
        while not signals.end_requested:
            for require in preconditions:
                # An I/O error or a closed folder passes and says nothing; FolderLost is no OSError.
                with contextlib.suppress(OSError):
                    require()
            if (code := web.refusal()) is not None:
                return code
            for child in children:
                child.tend()
            signals.wait(min(_TICK_S, *(child.due_in_s() for child in children)))
        logger.info("stopping")
    return 0


def _start_postgres(settings: Settings, signals: Signals, stack: contextlib.ExitStack) -> EmbeddedPostgres:
    postgres = EmbeddedPostgres(settings.data_dir)
    postgres.launch()
    stack.callback(postgres.stop)
    # Replaying a long log after a crash may take its time; there is no limit but the operator's patience.
    while not postgres.is_ready and not signals.end_requested:
        postgres.check()
        time.sleep(_POLL_S)
    return postgres
