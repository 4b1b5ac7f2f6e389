"""Device tokens: 256 random bits behind a prefix that tells scanners and people what they are."""

import hashlib
import secrets
from dataclasses import dataclass
from typing import Self

PREFIX = "scd_"
# 256 bits as URL-safe base64 without padding.
TOKEN_LENGTH = len(PREFIX) + 43


@dataclass(frozen=True)
class IssuedToken:
    """A new token: `secret` is shown once, `digest` is kept."""

    secret: str
    digest: bytes

    @classmethod
    def new(cls) -> Self:
        """Draw a token."""
        secret = PREFIX + secrets.token_urlsafe(32)
        return cls(secret, digest_of(secret))


def digest_of(secret: str) -> bytes:
    """SHA-256 of a token. A plain hash is enough: nobody can guess 256 random bits."""
    return hashlib.sha256(secret.encode()).digest()
