"""Passwords hashed and checked, in a small pool of threads of their own.

A check costs some 34 ms of CPU on purpose. argon2 and bcrypt let go of Python's lock meanwhile, so threads are enough;
they run at a lower priority than the rest of the worker, so that a rush of logins delays nothing but logins.
"""

import asyncio
import base64
import os
import secrets
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple, TypeVar

import bcrypt
from argon2 import PasswordHasher, Type
from argon2.exceptions import InvalidHashError, VerifyMismatchError

from signalcraft.auth.errors import LoginsBusy
from signalcraft.auth.password_rules import normalized

# OWASP Password Storage Cheat Sheet, 2025: argon2id, 19 MiB, 2 passes, 1 lane.
ARGON2 = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1, type=Type.ID)
BCRYPT_PREFIXES = ("$2a$", "$2b$")
# bcrypt hashes no more of a password; the prototype's library cut off the rest without a word.
BCRYPT_BYTES = 72
# Of 19. Such a thread gets a third of what an ordinary one gets where both want the same core.
NICENESS = 5

T = TypeVar("T")


class Match(NamedTuple):
    """Whether the password is right, and the hash that shall replace the kept one, if any."""

    is_right: bool
    replacement: str | None = None


class Passwords:
    """The pool."""

    def __init__(self, *, threads: int, queue: int) -> None:
        self._executor = ThreadPoolExecutor(threads, "passwords", initializer=_step_back)
        self._most_in_flight = threads + queue
        self._in_flight = 0

    async def hash(self, password: str) -> str:
        """The hash of a new password.

        Raises:
            LoginsBusy: too many are waiting.
        """
        return await self._run(lambda: hash_now(password))

    async def match(self, password: str, kept: str) -> Match:
        """Whether `password` belongs to the kept hash.

        Raises:
            LoginsBusy: too many are waiting.
        """
        return await self._run(lambda: _match(password, kept))

    def close(self) -> None:
        """End the threads; what is waiting is dropped."""
        self._executor.shutdown(cancel_futures=True)

    async def _run(self, work: Callable[[], T]) -> T:
        if self._in_flight >= self._most_in_flight:
            raise LoginsBusy
        self._in_flight += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._executor, work)
        finally:
            self._in_flight -= 1


def _unmatchable_hash() -> str:
    """A hash that no password is known for and that costs as much to check as any other."""
    salt, digest = (
        base64.b64encode(secrets.token_bytes(length)).decode().rstrip("=")
        for length in (ARGON2.salt_len, ARGON2.hash_len)
    )
    costs = f"m={ARGON2.memory_cost},t={ARGON2.time_cost},p={ARGON2.parallelism}"
    return f"$argon2id$v=19${costs}${salt}${digest}"


# Checked where there is no such user, so that the time does not tell.
UNMATCHABLE = _unmatchable_hash()


def hash_now(password: str) -> str:
    """The hash, computed in the caller's own time; the service uses `Passwords`."""
    return ARGON2.hash(normalized(password))


def _match(password: str, kept: str) -> Match:
    if kept.startswith(BCRYPT_PREFIXES):
        is_right = bcrypt.checkpw(password.encode()[:BCRYPT_BYTES], kept.encode())
        return Match(is_right, hash_now(password) if is_right else None)
    try:
        ARGON2.verify(kept, normalized(password))
    except (VerifyMismatchError, InvalidHashError):
        return Match(is_right=False)
    return Match(is_right=True, replacement=hash_now(password) if ARGON2.check_needs_rehash(kept) else None)


def _step_back() -> None:
    """On Linux a thread has a priority of its own."""
    os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)
