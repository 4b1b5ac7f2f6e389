"""Which passwords may be chosen: NIST SP 800-63B-4, 3.1.1.2: long enough and not well known; nothing about composition."""

import unicodedata
from collections.abc import Iterable
from functools import lru_cache
from importlib.resources import files

from signalcraft.auth.errors import PasswordRefused
from signalcraft.auth.names import key_of

LEAST_CHARACTERS = 8
MOST_CHARACTERS = 256


def normalized(password: str) -> str:
    """The same characters however a keyboard composes them (NFKC), as NIST asks for."""
    return unicodedata.normalize("NFKC", password)


def must_be_good(password: str, names: Iterable[str]) -> None:
    """Let a new password of a user with these names pass.

    Raises:
        PasswordRefused: with the reason.
    """
    length = len(normalized(password))
    if length < LEAST_CHARACTERS:
        _refuse(f"has fewer than {LEAST_CHARACTERS} characters")
    if length > MOST_CHARACTERS:
        _refuse(f"has more than {MOST_CHARACTERS} characters")
    key = key_of(password)
    if key in common_passwords():
        _refuse("is one of the most common passwords, which attackers try first")
    if key in {key_of(name) for name in names} | {"signalcraft"}:
        _refuse("is your name or your address")


@lru_cache(maxsize=1)
def common_passwords() -> frozenset[str]:
    """More than the 10,000 most common ones; where they come from is told beside the list."""
    text = (files("signalcraft.auth") / "common_passwords" / "passwords.txt").read_text(encoding="ascii")
    return frozenset(text.split())


def _refuse(reason: str) -> None:
    raise PasswordRefused(errors=[{"field": "password", "reason": reason}])
