"""Which account PostgreSQL runs under: it refuses to be root.

Started by a plain user it simply runs as that user. Started by root there are two ways:

1. Drop to an unprivileged user, where that user can reach the data folder and PostgreSQL's programs.
2. Otherwise (a folder that other users can't enter, a virtual environment below root's home) run in a user
   namespace in which root is shown as nobody: the files stay root's, and no folder's mode is touched.
"""

import os
import pwd
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from signalcraft.core.operator_error import OperatorError

_NOBODY = 65534  # The id that Linux shows for a user who is not mapped; by convention `nobody`.
_PROBE_TIMEOUT_S = 10


class NoAccount(OperatorError):
    """Root has no way to run PostgreSQL here; the message says what to change."""


@dataclass(frozen=True)
class Account:
    """How to start a program so that it is not root, and whose its files are on the disk."""

    uid: int
    gid: int
    prefix: tuple[str, ...] = ()
    switches: bool = False

    @property
    def popen_arguments(self) -> dict[str, Any]:
        """What `subprocess.Popen` needs to know."""
        if not self.switches:
            return {"umask": 0o077}
        return {"user": self.uid, "group": self.gid, "extra_groups": [], "umask": 0o077}

    def owns(self, path: Path) -> bool:
        """Whether `path` belongs to this account."""
        return path.lstat().st_uid == self.uid

    def take_over(self, folder: Path) -> None:
        """Make the folder and all in it this account's; its own entry last, so that a killed run is done again.

        Raises:
            OperatorError: it belongs to another person, who would be locked out.
        """
        if self.owns(folder):
            return
        owner = folder.lstat().st_uid
        if owner not in (0, _nobody().uid):
            raise OperatorError(
                f"The data in {folder} belong to the user {_name_of(owner)}: run this as that user, or choose another "
                "folder with SIGNALCRAFT_DATA_DIR."
            )
        for parent, folders, files in os.walk(folder, topdown=False):
            for name in [*folders, *files]:
                os.chown(Path(parent, name), self.uid, self.gid, follow_symlinks=False)
        os.chown(folder, self.uid, self.gid)


def account_for(folder: Path, program: Path) -> Account:
    """The account that can run `program` on files in `folder`.

    Raises:
        NoAccount: this is root, and neither way works here.
    """
    if os.geteuid() != 0:
        return Account(os.geteuid(), os.getegid())
    nobody = _nobody()
    if _works(nobody, ["/bin/sh", "-c", 'cd -- "$0" && exec "$1" --version', str(folder), str(program)]):
        return nobody
    if unshare := shutil.which("unshare"):
        prefix = (unshare, "--user", f"--map-user={_NOBODY}", f"--map-group={_NOBODY}", "--")
        namespace = Account(0, 0, prefix=prefix)
        if _works(namespace, [str(program), "--version"]):
            return namespace
    raise NoAccount(
        f"PostgreSQL does not run as root, the user nobody can't reach both {folder} and {program}, and user "
        "namespaces are not allowed here: start SignalCraft as a plain user, or set DATABASE_URL."
    )


def _nobody() -> Account:
    try:
        entry = pwd.getpwnam("nobody")
    except KeyError:
        return Account(_NOBODY, _NOBODY, switches=True)
    return Account(entry.pw_uid, entry.pw_gid, switches=True)


def _name_of(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def _works(account: Account, command: Sequence[str]) -> bool:
    try:
        probe = subprocess.run(  # noqa: S603 - our own programs, no shell input
            [*account.prefix, *command],
            check=False,
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=_PROBE_TIMEOUT_S,
            **account.popen_arguments,
        )
    except PermissionError:
        return False  # A container may take even root's right to change the user.
    return probe.returncode == 0
