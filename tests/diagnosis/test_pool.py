"""The inference processes: whatever happens to them, they come back, and they never outlive the pool."""

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from signalcraft.core.logging import configure_logging
from signalcraft.diagnosis import wire
from signalcraft.diagnosis.pool import InferencePool
from tests.live import wait_until


@pytest.fixture
def pool() -> Iterator[InferencePool]:
    """Two warmed processes of this test's own; a hang is noticed after two seconds."""
    pool = InferencePool(processes=2, time_limit_s=2.0)
    pool.start()
    pool.wait_ready(timeout_s=30)
    yield pool
    pool.stop()


def is_whole_without(pool: InferencePool, gone: list[int]) -> bool:
    return pool.ready() == 2 and not set(gone) & set(pool.pids())


def is_bound(address: str) -> bool:
    return address in Path("/proc/net/unix").read_text()


def test_ready_means_that_all_processes_are_warmed():
    pool = InferencePool(processes=2)
    pool.start()
    try:
        assert pool.ready() == 0
        pool.wait_ready(timeout_s=30)
        assert pool.ready() == len(pool.pids()) == 2
    finally:
        pool.stop()


def test_a_stopped_pool_leaves_nothing_behind():
    before = sorted(os.listdir("/proc/self/fd"))
    pool = InferencePool(processes=2)
    pool.start()
    pool.wait_ready(timeout_s=30)
    pids = pool.pids()
    assert is_bound(pool.address)

    pool.stop()

    assert not any(psutil.pid_exists(pid) for pid in pids)
    assert not is_bound(pool.address)
    assert sorted(os.listdir("/proc/self/fd")) == before
    assert pool.pids() == []


def test_a_pool_that_is_stopped_while_it_starts_leaves_nothing_behind():
    pool = InferencePool(processes=2)
    pool.start()
    pids = wait_until(lambda: len(pool.pids()) == 2 and pool.pids(), "two processes")

    pool.stop()

    assert not any(psutil.pid_exists(pid) for pid in pids)


def test_killed_processes_are_replaced(pool):
    for _ in range(3):
        gone = pool.pids()
        for pid in gone:
            os.kill(pid, signal.SIGKILL)

        wait_until(lambda gone=gone: is_whole_without(pool, gone), "two new processes")
        pool.wait_ready(timeout_s=1)


def test_a_process_that_hangs_with_nothing_to_do_is_replaced(pool):
    stopped, other = pool.pids()
    os.kill(stopped, signal.SIGSTOP)

    wait_until(lambda: is_whole_without(pool, [stopped]), "a new process")

    assert other in pool.pids()
    assert not psutil.pid_exists(stopped)


def test_ctrl_c_in_the_terminal_does_not_reach_the_processes(pool):
    assert all(os.getpgid(pid) == pid for pid in pool.pids())


def test_a_process_has_little_memory_and_one_thread_of_work(pool):
    for pid in pool.pids():
        process = psutil.Process(pid)
        assert process.memory_info().rss < 130 * 1024**2
        # The second thread of numpy's or onnxruntime's making sleeps.
        assert process.num_threads() <= 2


def test_processes_that_cannot_start_are_tried_ever_more_rarely(tmp_path, capfd):
    # The pool's own lines go where this test reads, whatever an earlier test has set up.
    configure_logging("INFO")
    pool = InferencePool(processes=1, model=tmp_path / "absent.onnx")
    logged = []

    def pauses_s() -> list[float]:
        logged.append(capfd.readouterr().out)
        return [float(pause_s) for pause_s in re.findall(r"replaced_in_s\W+([\d.]+)", "".join(logged))]

    pool.start()
    try:
        wait_until(lambda: len(pauses_s()) >= 4, "the fourth end")
        with pytest.raises(TimeoutError, match="0 of 1"):
            pool.wait_ready(timeout_s=0)
    finally:
        pool.stop()

    assert pauses_s()[:4] == [0.1, 0.2, 0.4, 0.8]
    assert "model_unusable" in "".join(logged)
    assert "absent.json" in "".join(logged)


def test_a_pool_that_could_start_nothing_for_a_while_becomes_whole(monkeypatch, tmp_path):
    pool = InferencePool(processes=1)
    with monkeypatch.context() as without_python:
        without_python.setattr(sys, "executable", str(tmp_path / "absent"))
        pool.start()
        with pytest.raises(TimeoutError):
            pool.wait_ready(timeout_s=0.5)
    try:
        pool.wait_ready(timeout_s=30)
    finally:
        pool.stop()


def test_only_the_pools_own_user_is_served(pool):
    if os.geteuid() != 0:
        pytest.skip("only root can try as another user")
    program = """
import os, socket, sys
os.setresuid(65534, 65534, 65534)
for name in sys.argv[1:]:
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    connection.connect("\\0" + name[1:])
    connection.settimeout(10)
    try:
        socket.send_fds(connection, [b"?"], [0])
        print(repr(connection.recv(100)))
    except OSError as error:
        print(type(error).__name__)
"""
    printed = subprocess.run(
        [sys.executable, "-I", "-c", program, pool.address, wire.status_address(pool.address)],
        capture_output=True,
        check=True,
        text=True,
        timeout=30,
    ).stdout.split()

    assert all(line in ("b''", "ConnectionResetError", "BrokenPipeError") for line in printed), printed
    assert len(printed) == 2


# A master that, like Gunicorn's, reaps every child that ends and forks workers that live on.
MASTER = """
import os, signal, sys, time
import structlog
from signalcraft.diagnosis.pool import InferencePool

# Its log must not mix with what the test reads.
structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))

def reap(*_):
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        pass

signal.signal(signal.SIGCHLD, reap)
pool = InferencePool(processes=2)
pool.start()
workers = []
for _ in range(20):
    workers.append(os.fork())
    if not workers[-1]:
        signal.pause()
pool.wait_ready(30)
print(pool.address, *pool.pids(), flush=True)
gone = set(pool.pids())
for line in sys.stdin:
    while pool.ready() != 2 or set(pool.pids()) & gone:
        time.sleep(0.02)
    print(pool.address, *pool.pids(), flush=True)
    gone = set(pool.pids())
"""


@pytest.fixture
def master() -> Iterator[subprocess.Popen]:
    process = subprocess.Popen(
        [sys.executable, "-c", MASTER],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    )
    yield process
    for worker in psutil.process_iter(["cmdline"]):
        if worker.info["cmdline"] and worker.info["cmdline"][-1] == MASTER:
            worker.kill()
    process.kill()
    process.communicate()


def test_a_pool_in_a_master_that_reaps_every_child_stays_whole(master):
    _, *pids = pool_line(master)
    for _ in range(3):
        for pid in pids:
            os.kill(int(pid), signal.SIGKILL)
        master.stdin.write("go on\n")
        master.stdin.flush()

        _, *new = pool_line(master)

        assert len(new) == 2
        assert not set(new) & set(pids)
        pids = new


def test_nothing_outlives_a_master_that_is_killed(master):
    address, *pids = pool_line(master)
    assert is_bound(address)

    master.kill()

    wait_until(lambda: not any(psutil.pid_exists(int(pid)) for pid in pids), "the end of the processes", 10)
    # The forked workers live on; the socket must not.
    wait_until(lambda: not is_bound(address), "the end of the socket", 10)
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as probe, pytest.raises(ConnectionRefusedError):
        probe.connect("\0" + address[1:])


def pool_line(master: subprocess.Popen) -> list[str]:
    """The pool's address and the ids of its processes."""
    return master.stdout.readline().split()
