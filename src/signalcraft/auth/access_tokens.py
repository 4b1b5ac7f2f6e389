"""Personal access tokens, for scripts: `sct_`, 43 random characters, and a checksum of these.

The checksum (CRC-32 in base 62, six digits, as in GitHub's tokens) lets scanners of code and logs tell a token from a
chance likeness without asking anybody, and lets a mistyped one be refused without asking the database.
"""

import secrets
import string
import zlib
from typing import Final

from signalcraft.auth import access_token_repository, repository
from signalcraft.auth.person import Person, Scope
from signalcraft.auth.secrets import Issued, digest_of
from signalcraft.core.database import Database
from signalcraft.core.grouped_lookup import GroupedLookup
from signalcraft.settings import Settings

PREFIX: Final = "sct_"
_DIGITS: Final = string.digits + string.ascii_uppercase + string.ascii_lowercase
# 62^43 is just above 2^256.
_RANDOM_CHARACTERS: Final = 43
_CHECKSUM_CHARACTERS: Final = 6


class AccessTokens:
    """The check of tokens."""

    def __init__(self, database: Database, database_url: str, settings: Settings) -> None:
        self._database = database
        self._lookup = GroupedLookup(database_url, settings.database, access_token_repository.FIND)

    async def person_of(self, token: str) -> Person | None:
        """The user of a valid token, with the token's scopes, or None.

        Raises:
            DatabaseUnavailable: PostgreSQL is away.
        """
        if not is_well_formed(token):
            return None
        row = await self._lookup.find(digest_of(token))
        if row is None:
            return None
        if row["is_unseen"]:
            await self._database.execute_alone(
                access_token_repository.SEEN,
                {"digest": row["digest"], "every": access_token_repository.SEEN_EVERY},
            )
        return repository.person_of(row, scopes=frozenset(Scope(scope) for scope in row["scopes"]))

    async def close(self) -> None:
        """Let go of the database."""
        await self._lookup.close()


def new_token() -> Issued:
    """Draw a token."""
    random = "".join(secrets.choice(_DIGITS) for _ in range(_RANDOM_CHARACTERS))
    token = PREFIX + random + checksum(random)
    return Issued(token, digest_of(token))


def checksum(random: str) -> str:
    """CRC-32 of the random characters, in base 62, the most significant digit first."""
    rest, digits = zlib.crc32(random.encode()), ""
    for _ in range(_CHECKSUM_CHARACTERS):
        rest, digit = divmod(rest, len(_DIGITS))
        digits = _DIGITS[digit] + digits
    return digits


def is_well_formed(token: str) -> bool:
    """Whether prefix, length, characters and checksum are those of a token."""
    random = token[len(PREFIX) : -_CHECKSUM_CHARACTERS]
    return (
        token.startswith(PREFIX)
        and len(random) == _RANDOM_CHARACTERS
        and token.isascii()
        and token[-_CHECKSUM_CHARACTERS:] == checksum(random)
    )
