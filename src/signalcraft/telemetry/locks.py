"""Locks that upkeep asks for and does not insist on."""

from collections.abc import Iterator
from contextlib import contextmanager

import asyncpg
from sqlalchemy.exc import DBAPIError

from signalcraft.telemetry.errors import UpkeepInTheWay


@contextmanager
def giving_way() -> Iterator[None]:
    """For statements under a `lock_timeout`.

    Raises:
        UpkeepInTheWay: the lock was not to be had in that time.
    """
    try:
        yield
    except DBAPIError as error:
        if isinstance(getattr(error.orig, "__cause__", None), asyncpg.LockNotAvailableError):
            raise UpkeepInTheWay from error
        raise
