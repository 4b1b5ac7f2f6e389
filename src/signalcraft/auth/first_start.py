"""The first start: a code by which whoever sees the console makes the first administrator. There is no default password."""

import asyncio
import sys

from signalcraft.auth.service import setup_code
from signalcraft.core.database import Database
from signalcraft.core.errors import DatabaseUnavailable
from signalcraft.core.logging import get_logger
from signalcraft.settings import DatabaseSettings

MESSAGE = """
There is no administrator yet. This code makes one, once, within a day or until the next start:

    {code}

    curl {address}/api/auth/register -H 'Content-Type: application/json' -d '{{
      "invitation": "{code}",
      "username": "admin", "email": "you@your-shop.example", "password": "…"}}'

or, on this machine: signalcraft users add admin --email you@your-shop.example --role admin
"""

logger = get_logger(__name__)


def print_setup_code(database_url: str, address: str) -> None:
    """Print a fresh code where there is no administrator. To the console, never to the log: it is a secret."""
    try:
        code = asyncio.run(_setup_code(database_url))
    except DatabaseUnavailable as away:
        # The service serves devices without it; the next start, or `signalcraft users add`, makes up for it.
        logger.warning("no_setup_code", reason=repr(away.__cause__))
        return
    if code is not None:
        print(MESSAGE.format(code=code, address=address), file=sys.stderr, flush=True)  # noqa: T201 - as the docstring says


async def _setup_code(database_url: str) -> str | None:
    database = Database(database_url, DatabaseSettings())
    try:
        async with database.session() as session:
            return await setup_code(session)
    finally:
        await database.close()
