"""Secrets that are given out once and kept as their SHA-256: session tokens and invitation codes."""

import hashlib
import secrets
from dataclasses import dataclass
from typing import Self

# 256 random bits as URL-safe base64 without padding.
SECRET_CHARACTERS = 43


@dataclass(frozen=True)
class Issued:
    """A new secret, and what of it is kept."""

    secret: str
    digest: bytes

    @classmethod
    def new(cls) -> Self:
        """Draw 256 random bits."""
        secret = secrets.token_urlsafe(32)
        return cls(secret, digest_of(secret))


def digest_of(secret: str) -> bytes:
    """SHA-256. A plain hash is enough: nobody can guess 256 random bits."""
    return hashlib.sha256(secret.encode(errors="replace")).digest()
