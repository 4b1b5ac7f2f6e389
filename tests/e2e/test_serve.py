"""`signalcraft serve` as its operator meets it: starting, stopping, refusing, and what is left behind."""

import asyncio
import os
import shutil
import signal
import socket
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import asyncpg
import httpx
import psutil
import pytest

from signalcraft.core import migrations
from signalcraft.core.embedded_postgres import EmbeddedPostgres
from signalcraft.core.processes import working_in
from tests.live import LiveService, free_port, live_service, start_service, wait_until

SERVE = [sys.executable, "-m", "signalcraft", "serve"]
GUNICORN = [sys.executable, "-m", "gunicorn", "-c", "python:signalcraft.gunicorn_conf", "signalcraft.app:app"]


def refusal(command: list[str], folder: Path, **environment: str) -> tuple[int, str]:
    """The exit code and the words of a command that is expected to refuse."""
    everything = {**os.environ, "SIGNALCRAFT_DATA_DIR": str(folder / "data"), **environment}
    done = subprocess.run(
        command, env=everything, cwd=folder, capture_output=True, text=True, timeout=60, check=False
    )
    return done.returncode, done.stderr.strip()


def everything_of(service: LiveService) -> list[psutil.Process]:
    return [psutil.Process(service.process.pid), *service.processes()]


def assert_all_gone(processes: list[psutil.Process], service: LiveService) -> None:
    _, alive = psutil.wait_procs(processes, timeout=20)
    assert alive == [], service.log()
    assert working_in(service.data_dir / "postgres/cluster") == []


@contextmanager
def program(command: list[str], log: Path, **environment: str):
    with log.open("ab") as file:
        process = subprocess.Popen(command, env={**os.environ, **environment}, stdout=file, stderr=file)
    try:
        yield process
    finally:
        process.terminate()
        process.wait(30)


def test_a_first_start_and_a_warm_one_keep_the_data(tmp_path):
    with live_service(tmp_path) as service:
        service.add_device("kept-device")
    with live_service(tmp_path) as service:
        assert "kept-device" in service.command("devices", "list")


@pytest.mark.parametrize("asked_by", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_asked_to_end_it_leaves_no_process(tmp_path, asked_by):
    with live_service(tmp_path) as service:
        processes = everything_of(service)
        # As a terminal does it: to the whole group, and an impatient operator does it twice.
        os.killpg(service.process.pid, asked_by)
        os.killpg(service.process.pid, asked_by)
        assert service.process.wait(30) == 0, service.log()
        assert_all_gone(processes, service)


def test_a_request_that_is_being_answered_when_the_end_is_asked_for_is_answered(tmp_path):
    with live_service(tmp_path) as service:
        host, port = service.address.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port)), timeout=30) as connection:
            connection.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\n")
            master = psutil.Process(service.gunicorn_master())
            service.process.terminate()
            wait_until(lambda: not _listens(master), "the port is closed")
            connection.sendall(b"\r\n")
            assert connection.recv(65536).startswith(b"HTTP/1.1 200 ")
        assert service.process.wait(30) == 0


def _listens(process: psutil.Process) -> bool:
    return process.is_running() and any(c.status == "LISTEN" for c in process.net_connections())


def test_killed_it_leaves_no_process_and_starts_again(tmp_path):
    with live_service(tmp_path) as service:
        service.add_device("kept-device")
        processes = everything_of(service)
        service.process.kill()
        service.process.wait()
        # At once, as a process manager does it.
        with live_service(tmp_path) as successor:
            assert "kept-device" in successor.command("devices", "list")
            _, alive = psutil.wait_procs(processes, timeout=20)
            assert alive == []


def test_a_killed_gunicorn_master_is_replaced_and_nobody_is_refused(tmp_path):
    with live_service(tmp_path) as service:
        master = service.gunicorn_master()
        its_children = psutil.Process(master).children(recursive=True)
        os.kill(master, signal.SIGKILL)
        psutil.wait_procs(its_children, timeout=10)
        assert not any(child.is_running() for child in its_children)
        # It waits in line until the next master has workers.
        assert httpx.get(f"{service.address}/health", timeout=30).status_code == 200
        assert service.gunicorn_master() != master
        service.wait_ready()


def test_a_killed_postgresql_is_replaced(tmp_path):
    with live_service(tmp_path) as service:
        first = service.postgres()
        os.kill(first, signal.SIGKILL)
        wait_until(lambda: not psutil.pid_exists(first), "the first one is gone")
        service.wait_ready()
        assert service.postgres() != first


@pytest.mark.parametrize(
    ("variable", "value"),
    [("PORT", "99999"), ("GUNICORN_WORKERS", "none"), ("SIGNALCRAFT_INGEST__QUEUE_ROWS", "-1")],
)
@pytest.mark.parametrize("command", [SERVE, GUNICORN], ids=["serve", "gunicorn"])
def test_a_wrong_setting_is_one_line_that_names_it(tmp_path, command, variable, value):
    code, words = refusal(
        command, tmp_path, DATABASE_URL="postgresql://127.0.0.1:1/none", **{variable: value}
    )
    assert code == 2
    assert len(words.splitlines()) == 1, words
    assert variable in words
    assert value in words


@pytest.mark.parametrize("command", [SERVE, GUNICORN], ids=["serve", "gunicorn"])
def test_a_database_of_another_kind_is_one_line_that_names_the_setting(tmp_path, command):
    code, words = refusal(command, tmp_path, DATABASE_URL="mysql://someone:secret@127.0.0.1:1/none")
    assert code == 2
    assert len(words.splitlines()) == 1, words
    assert "DATABASE_URL" in words
    assert "secret" not in words


def test_a_taken_port_is_one_line_that_names_it(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        code, words = refusal([*SERVE, "--port", str(port)], tmp_path)
    assert code == 1
    assert len(words.splitlines()) == 1, words
    assert str(port) in words
    assert "--port" in words


def test_an_address_of_another_machine_is_one_line(tmp_path):
    code, words = refusal([*SERVE, "--host", "192.0.2.1", "--port", str(free_port())], tmp_path)
    assert code == 1
    assert len(words.splitlines()) == 1, words
    assert "--host" in words


def test_a_second_service_on_the_same_folder_refuses_and_the_first_goes_on(tmp_path):
    with live_service(tmp_path) as service:
        code, words = refusal([*SERVE, "--port", str(free_port())], tmp_path)
        assert code == 1
        assert len(words.splitlines()) == 1, words
        assert str(service.process.pid) in words
        assert str(service.data_dir) in words
        assert service.is_ready()


def test_a_service_whose_folder_was_deleted_ends(tmp_path):
    with live_service(tmp_path) as service:
        processes = everything_of(service)
        # The service may end meanwhile and take files away itself.
        shutil.rmtree(service.data_dir, ignore_errors=True)
        assert service.process.wait(30) == 1, service.log()
        assert "was moved or replaced" in service.log().splitlines()[-1]
        assert_all_gone(processes, service)


def test_a_service_whose_folder_was_moved_makes_room_for_the_next_on_its_path(tmp_path):
    with live_service(tmp_path) as service:
        service.data_dir.rename(tmp_path / "elsewhere")
        with live_service(tmp_path) as successor:
            assert service.process.wait(30) == 1, service.log()
            assert "was moved or replaced" in service.log()
            assert successor.is_ready()
            assert "child_ended" not in successor.log()


def test_gunicorn_alone_needs_a_database(tmp_path):
    code, words = refusal(GUNICORN, tmp_path)
    assert code == 2
    assert words.startswith("DATABASE_URL is not set")
    assert len(words.splitlines()) == 1, words


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("@", "x@"), "password"),
        (("/signalcraft", "/none"), "none"),
    ],
)
@pytest.mark.parametrize("command", [SERVE, GUNICORN], ids=["serve", "gunicorn"])
def test_a_database_that_can_not_be_used_is_one_line(tmp_path, postgres_url, command, change, words):
    url = postgres_url.replace(*change, 1)
    code, said = refusal(command, tmp_path, DATABASE_URL=url, PORT=str(free_port()))
    assert code == 1
    assert len(said.splitlines()) == 1, said
    assert said.startswith("The database of DATABASE_URL can't be used")
    assert words in said


def test_gunicorn_alone_serves_on_a_given_database(tmp_path, postgres_url):
    port = free_port()
    log = tmp_path / "gunicorn.log"
    with program(GUNICORN, log, DATABASE_URL=postgres_url, PORT=str(port)) as process:
        service = LiveService(process, tmp_path / "data", f"http://127.0.0.1:{port}", {})
        wait_until(service.is_ready, "ready", 60)
        processes = everything_of(service)
    _, alive = psutil.wait_procs(processes, timeout=20)
    assert alive == [], log.read_text()
    assert process.returncode == 0


def test_postgresql_killed_under_a_migration_only_delays_the_start(tmp_path):
    # Whoever migrates takes this lock first; with the test holding it, the migration has begun and gets no further.
    take = f"SELECT pg_advisory_lock({migrations.ADVISORY_LOCK})"
    waiting = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
    with EmbeddedPostgres(tmp_path / "data") as postgres:
        url, port = postgres.database_url, free_port()
        with asyncio.Runner() as runner:
            connection = runner.run(asyncpg.connect(url))
            runner.run(connection.execute(take))
            with program(
                GUNICORN, log := tmp_path / "gunicorn.log", DATABASE_URL=url, PORT=str(port)
            ) as process:
                wait_until(lambda: runner.run(connection.fetchval(waiting)), "it migrates", 60)
                os.kill(postgres.pid, signal.SIGKILL)
                wait_until(lambda: not postgres.is_running, "PostgreSQL is gone")
                postgres.relaunch()
                service = LiveService(process, tmp_path / "data", f"http://127.0.0.1:{port}", {})
                wait_until(lambda: service.is_ready() or process.poll() is not None, "ready", 60)
                assert process.poll() is None, log.read_text()
    assert "Traceback" not in log.read_text()


def test_gunicorn_killed_alone_leaves_no_process(tmp_path, postgres_url):
    port = free_port()
    with program(GUNICORN, tmp_path / "gunicorn.log", DATABASE_URL=postgres_url, PORT=str(port)) as process:
        service = LiveService(process, tmp_path / "data", f"http://127.0.0.1:{port}", {})
        wait_until(service.is_ready, "ready", 60)
        processes = everything_of(service)
        process.kill()
        _, alive = psutil.wait_procs(processes, timeout=20)
        assert alive == []


def test_it_waits_for_no_embedded_database_when_one_is_given(tmp_path, postgres_url):
    with live_service(tmp_path, DATABASE_URL=postgres_url) as service:
        assert not (service.data_dir / "postgres").exists()
        assert service.is_ready()


def test_started_and_stopped_at_once_it_ends_well(tmp_path):
    service = start_service(tmp_path)
    lock = service.data_dir / "service.lock"
    wait_until(lambda: lock.exists() or service.process.poll() is not None, "it has begun")
    service.process.send_signal(signal.SIGINT)
    assert service.process.wait(30) == 0, service.log()
    assert working_in(service.data_dir / "postgres/cluster") == []
