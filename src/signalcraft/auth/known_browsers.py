"""A signed cookie by which a browser is known that has signed in to an account before.

It opens nothing. It only keeps an attacker who has used up an account's failures from locking its owner out.
"""

import base64
import hashlib
import hmac
import secrets
import time
from typing import Final

LIFE_S: Final = 180 * 86_400
SECRET_NAME: Final = "known browsers"  # noqa: S105 - a name, no secret
_NONCE_CHARACTERS: Final = 22


def fresh_secret() -> bytes:
    """A key to sign with."""
    return secrets.token_bytes(32)


def issue(secret: bytes, login_key: str) -> str:
    """The cookie of a browser that has just signed in as `login_key`: nonce, time and signature."""
    nonce, at = secrets.token_urlsafe(16), str(int(time.time()))
    return f"{nonce}.{at}.{_signature(secret, login_key, nonce, at)}"


def nonce_of(secret: bytes, login_key: str, cookie: str) -> str | None:
    """The nonce of a cookie that was issued for this account, or None."""
    nonce, _, rest = cookie.partition(".")
    at, _, signature = rest.partition(".")
    if len(nonce) != _NONCE_CHARACTERS or not cookie.isascii() or not at.isdigit():
        return None
    if not hmac.compare_digest(signature, _signature(secret, login_key, nonce, at)):
        return None
    return nonce if int(at) > time.time() - LIFE_S else None


def _signature(secret: bytes, login_key: str, nonce: str, at: str) -> str:
    message = f"{nonce}\n{at}\n{login_key}".encode(errors="replace")
    return base64.urlsafe_b64encode(hmac.digest(secret, message, hashlib.sha256)).decode().rstrip("=")
