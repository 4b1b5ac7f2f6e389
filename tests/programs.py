"""Programs beside Python's packages that some tests run; `make test` installs them where it may."""

import os
import shutil

import pytest


def needed(program: str) -> str:
    """The program's path. Where it is missing the test is skipped, but fails in CI, which must have it."""
    path = shutil.which(program, path=f"{os.environ['PATH']}:/usr/sbin:/sbin")
    if path is not None:
        return path
    reason = f"{program} is not installed; tools/install_test_programs.sh installs it as root"
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)
