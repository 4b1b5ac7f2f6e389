# ruff: noqa: INP001 - a script, no package.
"""`alembic check` against a throw-away PostgreSQL: do the migrations make the tables that the models describe?"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from signalcraft.core.embedded_postgres import EmbeddedPostgres

REPOSITORY = Path(__file__).parents[1]


def main() -> int:
    """Run all migrations on an empty database, then compare. Returns Alembic's exit code."""
    alembic = [sys.executable, "-m", "alembic"]
    with tempfile.TemporaryDirectory() as folder, EmbeddedPostgres(Path(folder)) as postgres:
        environment = os.environ | {"DATABASE_URL": postgres.database_url}
        for command in (["upgrade", "head"], ["check"]):
            done = subprocess.run([*alembic, *command], check=False, cwd=REPOSITORY, env=environment)  # noqa: S603 - our own
            if done.returncode != 0:
                return done.returncode
    return 0


if __name__ == "__main__":
    sys.exit(main())
