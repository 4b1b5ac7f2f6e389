"""The command `signalcraft`, as a person or a script calls it."""

import json
import os
import subprocess
import sys

import pytest

from signalcraft import __version__


@pytest.fixture
def signalcraft(tmp_path):
    """Run a command in a folder of its own; variables are given by name."""

    def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "signalcraft", *arguments],
            env={**os.environ, "SIGNALCRAFT_DATA_DIR": str(tmp_path / "data"), **environment},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    return run


def test_it_tells_its_version(signalcraft):
    assert signalcraft("--version").stdout == f"signalcraft {__version__}\n"


@pytest.mark.parametrize("command", ["serve", "demo", "simulate", "devices", "clips", "model", "settings"])
def test_each_command_explains_itself(signalcraft, command):
    assert command in signalcraft("--help").stdout
    help_text = signalcraft(command, "--help")
    assert help_text.returncode == 0
    assert "Usage" in help_text.stdout


def test_settings_in_force_are_shown_without_their_secrets(signalcraft):
    given = {"PORT": "9123", "DATABASE_URL": "postgresql://shop:hunter2@db.example/shop"}
    table = signalcraft("settings", **given).stdout
    assert "9123" in table
    as_json = signalcraft("settings", "--json", **given).stdout
    assert json.loads(as_json)["server"]["port"] == 9123
    assert "hunter2" not in table + as_json


def test_settings_are_read_from_a_file_too_and_the_environment_wins(signalcraft, tmp_path):
    (tmp_path / ".env").write_text("PORT=9001\nGUNICORN_WORKERS=3\n")
    server = json.loads(signalcraft("settings", "--json", PORT="9002").stdout)["server"]
    assert (server["port"], server["workers"]) == (9002, 3)


def test_a_wrong_setting_is_one_line(signalcraft):
    refused = signalcraft("settings", GUNICORN_WORKERS="0")
    assert (refused.returncode, refused.stdout) == (2, "")
    assert refused.stderr.startswith("GUNICORN_WORKERS='0' is not allowed")
    assert refused.stderr.count("\n") == 1


def test_a_command_without_a_running_service_says_how_to_start_one(signalcraft, tmp_path):
    refused = signalcraft("devices", "list")
    assert refused.returncode == 1
    assert str(tmp_path / "data") in refused.stderr
    assert "signalcraft serve" in refused.stderr
    assert refused.stderr.count("\n") == 1


def test_simulate_says_in_one_line_that_nothing_answers(signalcraft):
    ended = signalcraft("simulate", "--for", "5", "--url", "http://127.0.0.1:1")

    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr.startswith("Nothing answers at http://127.0.0.1:1.")
    assert len(ended.stderr.splitlines()) == 1


@pytest.mark.parametrize("command", ["train", "evaluate", "leave-one-out"])
def test_help_shows_how_the_clips_lie(signalcraft, command):
    shown = "".join(signalcraft("model", command, "--help", COLUMNS="200").stdout.split())

    assert "STATE/NAME_NUMBER.flac" in shown
