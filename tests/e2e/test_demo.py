"""The demo, as a script and as a person would run it."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from tests.live import SAMPLES, free_port, wait_until

LIMIT_S = 90


@pytest.fixture
def command(tmp_path) -> list[str]:
    port = str(free_port())
    return [sys.executable, "-m", "signalcraft", "demo", "--port", port, "--data-dir", str(tmp_path / "demo")]


def test_it_ends_by_itself_with_a_summary(command):
    ended = subprocess.run(
        [*command, "--for", "8", "--json"], capture_output=True, text=True, timeout=LIMIT_S, check=False
    )

    figures = json.loads(ended.stdout)
    assert ended.returncode == 0, ended.stderr
    assert figures["devices"] == 8
    assert figures["readings_found"] >= figures["readings_acknowledged"] > 0
    assert figures["recordings_judged"] > 0
    assert (figures["failures"], figures["readings_lost"]) == (0, 0)


def test_recordings_that_are_judged_wrongly_end_it_with_1(command, tmp_path):
    for state, played in (("healthy", "bearing"), ("bearing", "healthy")):
        (tmp_path / "mislabelled" / state).mkdir(parents=True)
        for clip in (SAMPLES / played).glob("*.flac"):
            (tmp_path / "mislabelled" / state / clip.name).symlink_to(clip)

    ended = subprocess.run(
        [*command, "--for", "8", "--json", "--samples", str(tmp_path / "mislabelled")],
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )

    assert ended.returncode == 1, ended.stderr
    assert json.loads(ended.stdout)["verdicts_right"] == 0


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM], ids=["Ctrl-C", "SIGTERM"])
def test_ctrl_c_ends_it_cleanly_the_database_too(command, how):
    demo = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        assert "/docs" in demo.stdout.readline()
        started = psutil.Process(demo.pid).children(recursive=True)
        log = Path(command[-1]) / "serve.log"
        wait_until(lambda: _connections(demo) >= 2, f"sensors that post\n{log.read_text()}")

        os.kill(demo.pid, how)
        output, _ = demo.communicate(timeout=LIMIT_S)
    finally:
        demo.kill()

    assert demo.returncode in (0, 1), output
    assert "readings lost: 0" in output
    _, alive = psutil.wait_procs(started, timeout=5)
    assert alive == []


def _connections(demo: subprocess.Popen) -> int:
    return len(psutil.Process(demo.pid).net_connections("tcp"))
