"""What the operating system can promise about processes: none outlives the one that needs it."""

import ctypes
import os
import signal
from pathlib import Path

# <sys/prctl.h>
_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)


def die_with_parent(signum: signal.Signals, *, parent_pid: int) -> None:
    """Let the kernel send `signum` to this process when its parent `parent_pid` ends, however it ends.

    Call it in the child, right after the fork, with the process id that the parent had noted before it. The promise
    hangs on the *thread* that forked: start children from one that stays. A later change of user clears it.

    Raises:
        OSError: the kernel refuses.
    """
    if _libc.prctl(_PR_SET_PDEATHSIG, ctypes.c_ulong(signum), 0, 0, 0) != 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))
    if os.getppid() != parent_pid:
        # The parent died before the kernel was asked, so its signal will never come.
        os.kill(os.getpid(), signal.SIGKILL)


def working_in(folder: Path) -> list[int]:
    """The ids of the processes whose working directory is `folder`, as far as this user may see."""
    wanted = folder.resolve()
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                if (entry / "cwd").readlink() == wanted:
                    found.append(int(entry.name))
            except (FileNotFoundError, ProcessLookupError, PermissionError):
                continue  # It ended meanwhile, or belongs to somebody else.
    return sorted(found)
