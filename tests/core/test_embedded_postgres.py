"""The embedded PostgreSQL, with real processes that are really killed."""

import asyncio
import os
import pwd
import random
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

import asyncpg
import psutil
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from signalcraft.core.embedded_postgres import EmbeddedPostgres, ServiceNotRunning, find_database_url
from signalcraft.core.folder_lock import FolderInUse, FolderLost
from signalcraft.core.operator_error import OperatorError
from signalcraft.core.postgres_cluster import PostgresFailed, program
from signalcraft.core.processes import working_in

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root has to change its account")

# Starts PostgreSQL in a process of its own, which can be killed without killing the tests.
LAUNCHER = """
import signal, sys
from pathlib import Path
from signalcraft.core.embedded_postgres import EmbeddedPostgres
postgres = EmbeddedPostgres(Path(sys.argv[1]))
postgres.start()
print(postgres.database_url, flush=True)
signal.pause()
"""


def query(url: str, statement: str = "SELECT 1") -> object:
    async def run() -> object:
        connection = await asyncpg.connect(url)
        try:
            return await connection.fetchval(statement)
        finally:
            await connection.close()

    return asyncio.run(run())


def eventually(holds: Callable[[], bool], limit_s: float = 20) -> None:
    deadline = time.monotonic() + limit_s
    while not holds():
        assert time.monotonic() < deadline, "it did not come true in time"
        time.sleep(0.01)


@contextmanager
def launcher(data_dir: Path) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-c", LAUNCHER, str(data_dir)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that every user can enter; pytest's own are closed."""
    folder = Path(tempfile.mkdtemp(prefix="signalcraft-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


def test_what_was_stored_is_there_after_a_restart(tmp_path):
    with EmbeddedPostgres(tmp_path) as postgres:
        query(postgres.database_url, "CREATE TABLE kept AS SELECT 42 AS answer")
    with EmbeddedPostgres(tmp_path) as postgres:
        assert query(postgres.database_url, "SELECT answer FROM kept") == 42
    assert working_in(tmp_path / "postgres/cluster") == []


def test_one_address_serves_asyncpg_and_sqlalchemy_and_psql(tmp_path):
    async def ask_sqlalchemy(url: str) -> object:
        engine = create_async_engine(url.replace("postgresql://", "postgresql+asyncpg://"))
        async with engine.connect() as connection:
            answer = await connection.scalar(text("SELECT current_database()"))
        await engine.dispose()
        return answer

    with EmbeddedPostgres(tmp_path) as postgres:
        url = postgres.database_url
        psql = [program("psql"), url, "-Atc", "SELECT current_database()"]
        assert query(url, "SELECT current_database()") == "signalcraft"
        assert asyncio.run(ask_sqlalchemy(url)) == "signalcraft"
        assert subprocess.check_output(psql, text=True).strip() == "signalcraft"


@pytest.mark.parametrize("setting", ["fsync", "synchronous_commit", "full_page_writes", "data_checksums"])
def test_a_commit_is_on_the_disk(tmp_path, setting):
    with EmbeddedPostgres(tmp_path) as postgres:
        assert query(postgres.database_url, f"SHOW {setting}") == "on"


@pytest.mark.parametrize(
    "name",
    ["with blanks", "냉동기 – Kühlung", 'it\'s "50 %"', "one,two", "x" * 120],
    ids=lambda name: name[:10],
)
def test_any_folder_will_do(tmp_path, name):
    with EmbeddedPostgres(tmp_path / name) as postgres:
        assert query(postgres.database_url) == 1
        assert query(find_database_url(tmp_path / name)) == 1


def test_a_long_path_is_served_on_the_loopback_interface_alone(tmp_path):
    with EmbeddedPostgres(tmp_path / ("x" * 120)) as postgres:
        assert "@127.0.0.1:" in postgres.database_url
        assert query(postgres.database_url, "SHOW listen_addresses") == "127.0.0.1"


def test_a_wrong_password_is_refused(tmp_path):
    with EmbeddedPostgres(tmp_path) as postgres:
        user, rest = postgres.database_url.split("@", maxsplit=1)
        with pytest.raises(asyncpg.InvalidPasswordError):
            query(f"{user}x@{rest}")


def test_nobody_else_can_read_the_password(tmp_path):
    with EmbeddedPostgres(tmp_path):
        for path in (tmp_path / "postgres/password", tmp_path / "service.lock"):
            assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_other_commands_find_the_running_database_by_its_folder(tmp_path):
    with pytest.raises(ServiceNotRunning, match="signalcraft serve"):
        find_database_url(tmp_path)
    with EmbeddedPostgres(tmp_path) as postgres:
        assert find_database_url(tmp_path) == postgres.database_url
    with pytest.raises(ServiceNotRunning):
        find_database_url(tmp_path)


def test_a_folder_has_one_owner(tmp_path):
    with EmbeddedPostgres(tmp_path) as postgres:
        second = EmbeddedPostgres(tmp_path)
        with pytest.raises(FolderInUse) as refusal:
            second.start()
        assert query(postgres.database_url) == 1
    assert str(tmp_path) in str(refusal.value)
    assert str(os.getpid()) in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_postgresql_killed_is_launched_again_at_the_same_address(tmp_path):
    with EmbeddedPostgres(tmp_path) as postgres:
        url = postgres.database_url
        query(url, "CREATE TABLE kept AS SELECT 42 AS answer")
        os.kill(postgres.pid, signal.SIGKILL)
        eventually(lambda: not postgres.is_running)
        postgres.relaunch()
        eventually(lambda: postgres.is_ready)
        assert postgres.database_url == url
        assert query(url, "SELECT answer FROM kept") == 42


@pytest.mark.parametrize("lost", [".", "postgres/cluster"])
@pytest.mark.parametrize("way", [shutil.rmtree, lambda folder: folder.rename(folder.with_name("elsewhere"))])
def test_nothing_is_launched_again_in_a_folder_that_is_gone(tmp_path, lost, way):
    data_dir = tmp_path / "data"
    with EmbeddedPostgres(data_dir) as postgres:
        os.kill(postgres.pid, signal.SIGKILL)
        eventually(lambda: working_in(data_dir / "postgres/cluster") == [])
        way(data_dir / lost)
        with pytest.raises(FolderLost, match="moved") as refusal:
            postgres.relaunch()
        assert "\n" not in str(refusal.value)
        assert data_dir.exists() == (lost != ".")


def test_the_new_owner_of_a_moved_folders_path_is_left_alone(tmp_path):
    data_dir = tmp_path / "data"
    with EmbeddedPostgres(data_dir) as first:
        data_dir.rename(tmp_path / "elsewhere")
        with EmbeddedPostgres(data_dir) as second:
            os.kill(first.pid, signal.SIGKILL)
            eventually(lambda: not first.is_running)
            with pytest.raises(FolderLost):
                first.relaunch()
            assert query(second.database_url) == 1
            assert second.is_running


def test_nothing_outlives_a_killed_launcher_and_the_next_start_recovers(tmp_path):
    with launcher(tmp_path) as process:
        url = process.stdout.readline().strip()
        query(url, "CREATE TABLE kept AS SELECT 42 AS answer")
        process.kill()
        process.wait()
        eventually(lambda: working_in(tmp_path / "postgres/cluster") == [])
    with EmbeddedPostgres(tmp_path) as postgres:
        assert query(postgres.database_url, "SELECT answer FROM kept") == 42


def test_a_start_right_after_a_kill_waits_for_the_remains(tmp_path):
    with launcher(tmp_path) as process:
        process.stdout.readline()
        process.kill()
        process.wait()
        with EmbeddedPostgres(tmp_path) as postgres:
            assert query(postgres.database_url) == 1


def test_launcher_and_postgresql_killed_together(tmp_path):
    with launcher(tmp_path) as process:
        query(process.stdout.readline().strip(), "CREATE TABLE kept AS SELECT 42 AS answer")
        pids = working_in(tmp_path / "postgres/cluster")
        for pid in (process.pid, *pids):
            os.kill(pid, signal.SIGKILL)
        process.wait()
    with EmbeddedPostgres(tmp_path) as postgres:
        assert query(postgres.database_url, "SELECT answer FROM kept") == 42


def test_a_stale_pid_that_now_belongs_to_another_process_is_no_obstacle(tmp_path):
    with launcher(tmp_path) as process:
        process.stdout.readline()
        for pid in (process.pid, *working_in(tmp_path / "postgres/cluster")):
            os.kill(pid, signal.SIGKILL)
        process.wait()
    pid_file = tmp_path / "postgres/cluster/postmaster.pid"
    stale = pid_file.read_text().splitlines()
    pid_file.write_text("\n".join(["1", *stale[1:]]))
    with EmbeddedPostgres(tmp_path) as postgres:
        assert query(postgres.database_url) == 1


def test_a_first_start_killed_at_any_moment_leaves_a_folder_that_starts(tmp_path):
    chance = random.Random(20261123)
    for attempt in range(6):
        data_dir = tmp_path / str(attempt)
        with launcher(data_dir) as process:
            eventually((data_dir / "postgres.new").exists)
            # Not to let something happen: the moment of the kill is what varies, over the 0.8 s that it takes.
            time.sleep(chance.uniform(0, 0.8))
            process.kill()
            process.wait()
            with EmbeddedPostgres(data_dir) as postgres:
                assert query(postgres.database_url) == 1
        assert not (data_dir / "postgres.new").exists()


@pytest.mark.parametrize("victim", ["initdb", "sh", "postgres"])
def test_a_first_start_whose_program_was_killed_says_that_in_one_line(tmp_path, victim):
    # The server that other tests share is a child of this process, too.
    others = set(psutil.Process().children(recursive=True))

    def kill_all() -> None:
        for process in set(psutil.Process().children(recursive=True)) - others:
            with suppress(psutil.NoSuchProcess):
                if process.name() == victim:
                    process.kill()

    with ThreadPoolExecutor() as executor:
        launch = executor.submit(EmbeddedPostgres(tmp_path).launch)
        # Before it makes folders, initdb only asks for versions.
        eventually(lambda: launch.done() or (tmp_path / "postgres.new/cluster/global").exists())
        # Some of its programs only try out settings, and initdb gets over their end.
        while not launch.done():
            kill_all()
        with pytest.raises(PostgresFailed, match=r"signal 9|exit code 137|FATAL: ") as failure:
            launch.result(60)
    assert "\n" not in str(failure.value)


def test_a_cluster_that_can_not_start_says_why_in_one_line(tmp_path):
    with EmbeddedPostgres(tmp_path):
        pass
    (tmp_path / "postgres/cluster/PG_VERSION").write_text("12\n")
    with pytest.raises(PostgresFailed, match="incompatible") as failure:
        EmbeddedPostgres(tmp_path).start()
    assert "\n" not in str(failure.value)


def test_a_folder_that_can_not_be_used_is_one_line(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OperatorError, match="--data-dir") as refusal:
        EmbeddedPostgres(tmp_path / "file" / "data").start()
    assert str(tmp_path / "file" / "data") in str(refusal.value)
    assert "\n" not in str(refusal.value)


@as_root
def test_root_drops_to_a_user_who_can_enter_the_folder(open_folder):
    if stat.S_IMODE(program("postgres").stat().st_mode) & 0o005 != 0o005:
        pytest.skip("the programs themselves are out of that user's reach")
    with EmbeddedPostgres(open_folder) as postgres:
        owner = Path(f"/proc/{postgres.pid}").stat().st_uid
        assert query(postgres.database_url) == 1
    assert owner in {pwd.getpwnam("nobody").pw_uid, 0}


@as_root
def test_root_runs_postgresql_in_its_own_closed_folder_and_changes_no_mode(open_folder):
    closed = open_folder / "closed"
    closed.mkdir(mode=0o700)
    with EmbeddedPostgres(closed / "data") as postgres:
        assert query(postgres.database_url) == 1
    assert stat.S_IMODE(closed.stat().st_mode) == 0o700
    assert stat.S_IMODE(open_folder.stat().st_mode) == 0o755


@as_root
def test_a_folder_that_was_closed_after_its_first_start_still_starts(open_folder):
    data_dir = open_folder / "data"
    with EmbeddedPostgres(data_dir) as postgres:
        query(postgres.database_url, "CREATE TABLE kept AS SELECT 42 AS answer")
    for mode in (0o700, 0o755):
        open_folder.chmod(mode)
        with EmbeddedPostgres(data_dir) as postgres:
            assert query(postgres.database_url, "SELECT answer FROM kept") == 42


@as_root
def test_another_users_service_is_named_as_such(open_folder):
    nobody = pwd.getpwnam("nobody")
    code = "import sys; from pathlib import Path; from signalcraft.core.embedded_postgres import *\n"
    code += "try: find_database_url(Path(sys.argv[1]))\nexcept Exception as error: print(error)"
    with EmbeddedPostgres(open_folder):
        # The interpreter itself may lie in a closed folder, so the change of user comes after its start.
        code = (
            "import os\nimport asyncio, signalcraft.core.embedded_postgres\n"
            f"os.setuid({nobody.pw_uid})\n" + code
        )
        said = subprocess.check_output([sys.executable, "-c", code, str(open_folder)], text=True)
    assert "belongs to another user" in said
    assert issubclass(ServiceNotRunning, OperatorError)
