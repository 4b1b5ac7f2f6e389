"""`signalcraft demo` and `signalcraft simulate`: the product at work, without a sensor at hand."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from pathlib import Path
from time import monotonic, sleep
from typing import Annotated, Any, Self

import typer

from signalcraft.core.operator_error import OperatorError
from signalcraft.core.processes import die_with_parent

SENSORS = 8
READING_EVERY_S = 1.0
RECORDING_EVERY_S = 4.0
START_LIMIT_S = 60.0
STOP_LIMIT_S = 30.0
ANSWER_LIMIT_S = 5.0
# `/ready` looks at the database itself, for two seconds at most.
READY_LIMIT_S = 5.0
# Wrong verdicts on clean recordings of the machine that the model knows: more than this and something is broken.
LEAST_RIGHT = 0.9
# The old token of a simulated sensor is of no use to anyone.
NO_OVERLAP = timedelta(0)

Duration = Annotated[float | None, typer.Option("--for", min=1, help="Seconds; by default until Ctrl-C.")]
Samples = Annotated[
    Path | None, typer.Option(exists=True, file_okay=False, help="A folder of recordings for each state.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print only the summary, as JSON.")]


def demo(
    duration_s: Duration = None,
    port: Annotated[
        int | None, typer.Option(min=1, max=65535, help="By default 8000, or a free one.")
    ] = None,
    data_dir: Annotated[
        Path | None, typer.Option(help="Keep the demo's data here; by default it is thrown away.")
    ] = None,
    samples: Samples = None,
    as_json: AsJson = False,
) -> None:
    """Start a service with eight simulated sensors that play real recordings, and show what it says of them.

    Examples: `signalcraft demo`, or `signalcraft demo --for 30 --json` in scripts (exit code 0 or 1).
    """
    from signalcraft.simulator.recordings import load_clips

    clips = load_clips(samples)
    port = _free_port() if port is None else _unused(port)
    with (
        tempfile.TemporaryDirectory(prefix="signalcraft-demo-") as scratch,
        _service(data_dir or Path(scratch), port) as address,
    ):
        from signalcraft.cli.demo_owner import make_owner

        _simulate(address, duration_s, clips, as_json, sign_in=None if as_json else make_owner())


def simulate(
    duration_s: Duration = None,
    url: Annotated[
        str | None, typer.Option(help="The service's address; by default the one in the settings.")
    ] = None,
    samples: Samples = None,
    as_json: AsJson = False,
) -> None:
    """Let eight simulated sensors post to a service that is running already.

    Example: `signalcraft simulate --for 60`. The sensors (sim-1 to sim-8) are registered in its database.
    """
    from signalcraft.settings import get_settings
    from signalcraft.simulator.recordings import load_clips

    server = get_settings().server
    address = url or f"http://{server.host}:{server.port}"
    # Before the sensors get new tokens: they may be at work for somebody else.
    _must_answer(address)
    _simulate(address, duration_s, load_clips(samples), as_json)


@contextmanager
def _service(folder: Path, port: int) -> Iterator[str]:
    """`signalcraft serve` on a data folder, stopped at the end; its address."""
    folder.mkdir(parents=True, exist_ok=True)
    os.environ["SIGNALCRAFT_DATA_DIR"] = str(folder)
    os.environ.pop("DATABASE_URL", None)
    log_path = folder / "serve.log"
    command = [sys.executable, "-m", "signalcraft", "serve", "--port", str(port), "--data-dir", str(folder)]
    with log_path.open("ab") as log:
        service = subprocess.Popen(  # noqa: S603 - our own program
            command,
            stdout=log,
            stderr=log,
            # A session of its own, so that Ctrl-C reaches it through us, after the last request.
            start_new_session=True,
            # A demo that is killed takes its service along.
            preexec_fn=partial(die_with_parent, signal.SIGTERM, parent_pid=os.getpid()),  # noqa: PLW1509 - one thread
        )
    address = f"http://127.0.0.1:{port}"
    try:
        _wait_until_ready(service, address, log_path)
        yield address
    finally:
        service.send_signal(signal.SIGTERM)
        try:
            service.wait(STOP_LIMIT_S)
        except subprocess.TimeoutExpired:
            service.kill()
            raise OperatorError(
                f"The service did not stop within {STOP_LIMIT_S:.0f} s and was killed."
            ) from None


def _wait_until_ready(service: subprocess.Popen[bytes], address: str, log_path: Path) -> None:
    import httpx
    from rich.console import Console

    deadline_s = monotonic() + START_LIMIT_S
    said = "it did not answer /ready"
    with Console(stderr=True).status("Starting PostgreSQL and the service …"):
        while monotonic() < deadline_s:
            if service.poll() is not None:
                raise OperatorError(f"The service did not start. Its last words: {_last_line(log_path)}")
            try:
                answer = httpx.get(f"{address}/ready", timeout=READY_LIMIT_S)
                if answer.is_success:
                    return
                said = f"/ready says {_degraded(answer)}"
            except httpx.TransportError:
                pass
            sleep(0.1)
    raise OperatorError(
        f"The service was not ready within {START_LIMIT_S:.0f} s: {said}. Last error in its log: {_last_error(log_path)}"
    )


def _degraded(answer: Any) -> str:
    """The parts that are not `ok`, as an answer of `/ready` names them."""
    try:
        health = answer.json()
    except ValueError:
        return f"{answer.status_code}"
    names = ("database", "inference", "model")
    return ", ".join(f"{name} {health[name]}" for name in names if health.get(name, "ok") != "ok")


def _must_answer(address: str) -> None:
    import httpx

    try:
        httpx.get(f"{address}/health", timeout=ANSWER_LIMIT_S)
    except (httpx.TransportError, httpx.InvalidURL):
        raise OperatorError(
            f"Nothing answers at {address}. Start `signalcraft serve`, or name another address with --url."
        ) from None


def _simulate(
    address: str,
    duration_s: float | None,
    clips: dict[str, Any],
    as_json: bool,
    *,
    sign_in: str | None = None,
) -> None:
    import httpx
    from rich.console import Console

    if not as_json:
        # Said once in plain words too: where the output is no terminal there is no live table.
        print(
            f"SignalCraft runs at {address}, its API's documentation at {address}/docs. Ctrl-C ends.",
            flush=True,
        )
    if sign_in is not None:
        print(f"Sign in as {sign_in}", flush=True)
    try:
        figures = asyncio.run(_run_fleet(address, clips, duration_s, as_json))
    except httpx.TransportError as away:
        raise OperatorError(f"The service at {address} answers no longer: {away!r}") from None
    if as_json:
        print(json.dumps(figures))
    else:
        Console().print(
            "\n".join(f"{name.replace('_', ' ')}: {value}" for name, value in figures.items() if value != [])
        )
    if not _is_good(figures):
        raise typer.Exit(1)


async def _run_fleet(
    address: str, clips: dict[str, Any], duration_s: float | None, is_quiet: bool
) -> dict[str, Any]:
    import httpx
    from rich.live import Live

    from signalcraft.cli.demo_view import live_table, summary
    from signalcraft.core.clock import utcnow
    from signalcraft.simulator.fleet import Fleet

    tokens = await _register()
    began = utcnow()
    async with httpx.AsyncClient(base_url=address, timeout=30) as http:
        fleet = Fleet(http, tokens, clips)
        work = asyncio.create_task(fleet.run(duration_s, READING_EVERY_S, RECORDING_EVERY_S))
        # Ctrl-C, a process manager's SIGTERM and a closed terminal end the run, not the program: the summary comes after it.
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            asyncio.get_running_loop().add_signal_handler(number, work.cancel)
        with Live(auto_refresh=False, transient=True) if not is_quiet else _Quiet() as live:
            while not work.done():
                live.update(live_table(fleet.reports, f"{address}/docs"), refresh=True)
                await asyncio.wait([work], timeout=0.25)
        if not work.cancelled() and (error := work.exception()):
            raise error
        found = {
            device_id: await _count(http, device_id, token, began) for device_id, token in tokens.items()
        }
    return summary(fleet.reports, found)


async def _register() -> dict[str, str]:
    """Register the sensors, or give those of an earlier run new tokens; token by device."""
    from signalcraft.cli.database import service_database_url
    from signalcraft.core.database import Database
    from signalcraft.devices import service
    from signalcraft.devices.errors import DeviceExists
    from signalcraft.settings import get_settings

    settings = get_settings()
    database = Database(service_database_url(settings), settings.database)
    tokens = {}
    for number in range(1, SENSORS + 1):
        device_id = f"sim-{number}"
        try:
            async with database.session() as session:
                issued = await service.add_device(session, device_id, f"Simulated compressor {number}")
        except DeviceExists:
            async with database.session() as session:
                issued = await service.rotate_token(session, device_id, NO_OVERLAP)
        tokens[device_id] = issued.secret
    await database.close()
    return tokens


async def _count(http: Any, device_id: str, token: str, began: Any) -> int:
    """How many readings since `began` the service gives back, asked page by page like any client would."""
    count = 0
    cursor: str | None = None
    while True:
        query = {"from": began.isoformat(), "limit": 1000} | ({"cursor": cursor} if cursor else {})
        answer = await http.get(
            f"/api/iot/sensors/data/{device_id}", params=query, headers={"Authorization": f"Bearer {token}"}
        )
        answer.raise_for_status()
        page = answer.json()
        count, cursor = count + int(page["count"]), page["next_cursor"]
        if cursor is None:
            return count


def _is_good(figures: dict[str, Any]) -> bool:
    return bool(
        figures["readings_acknowledged"] > 0
        and figures["recordings_judged"] > 0
        and figures["failures"] == 0
        and figures["readings_lost"] == 0
        and figures["verdicts_right"] >= LEAST_RIGHT * figures["recordings_judged"]
    )


class _Quiet:
    """Shows nothing, for scripts."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        pass

    def update(self, _table: object, *, refresh: bool) -> None:
        pass


def _free_port() -> int:
    """8000 where nobody listens there, otherwise any free one."""
    try:
        return _unused(8000)
    except OperatorError:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            return int(probe.getsockname()[1])


def _unused(port: int) -> int:
    """The port, when nobody listens there: another service's answers must not be taken for the demo's.

    Raises:
        OperatorError: somebody does.
    """
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            raise OperatorError(f"Port {port} is in use; choose another one with --port.") from None
    return port


def _last_line(log_path: Path) -> str:
    lines = log_path.read_text(errors="replace").strip().splitlines()
    return lines[-1] if lines else "(none)"


def _last_error(log_path: Path) -> str:
    """The last record of a warning or worse, without those of requests: our own questions have caused these."""
    for line in reversed(log_path.read_text(errors="replace").splitlines()):
        try:
            record = json.loads(line)
            if record["level"] in {"warning", "error", "critical"} and record["event"] != "request":
                return line
        except (ValueError, TypeError, KeyError):
            # No record of ours: PostgreSQL and the interpreter write to this file too.
            continue
    return f"none, see {log_path}"
