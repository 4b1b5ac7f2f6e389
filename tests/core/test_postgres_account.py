"""Whose the files of the embedded PostgreSQL are."""

import os

import pytest

from signalcraft.core.embedded_postgres import EmbeddedPostgres
from signalcraft.core.operator_error import OperatorError


@pytest.mark.skipif(os.geteuid() != 0, reason="only root could take another user's files away")
def test_root_takes_no_other_users_data_away(tmp_path):
    with EmbeddedPostgres(tmp_path / "data"):
        pass
    home = tmp_path / "data" / "postgres"
    somebody = 12_345
    for path in [home, *home.rglob("*")]:
        os.chown(path, somebody, somebody, follow_symlinks=False)

    with pytest.raises(OperatorError, match="belong to the user 12345"):
        EmbeddedPostgres(tmp_path / "data").start()

    assert {path.lstat().st_uid for path in home.rglob("*")} == {somebody}
