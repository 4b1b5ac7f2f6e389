"""Names of users and their e-mail addresses, and the one form in which they are compared."""

import unicodedata
from typing import Annotated

from pydantic import Field

# Letters and digits of any language. No `@`, so that nobody's name can be another's address.
USERNAME_PATTERN = r"^[\w.\-]{1,64}$"
# No mail is sent, so this only keeps out what can't be an address.
EMAIL_PATTERN = r"^[^@\s\x00-\x1f\x7f]{1,64}@[^@\s\x00-\x1f\x7f]{1,189}$"

Username = Annotated[str, Field(pattern=USERNAME_PATTERN, examples=["minji"])]
# A name or an address, of any form that PostgreSQL can look for: whoever guesses is not told what names look like.
LoginName = Annotated[
    str, Field(max_length=254, pattern=r"^[^\x00]+$", description="Name or e-mail.", examples=["minji"])
]
Email = Annotated[str, Field(pattern=EMAIL_PATTERN, examples=["minji@shop.example"])]


def key_of(name: str) -> str:
    """A name or an address in the form in which two of them are the same (Unicode's NFKC, case folded)."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())
