"""The rules of sites."""

import re

SITE_ID_PATTERN = r"^[a-z0-9][a-z0-9-]{0,63}$"
_SITE_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")


def must_be_site_id(given: str) -> str:
    """The id, if a site may have it.

    Raises:
        ValueError: it may not.
    """
    if _SITE_ID.fullmatch(given) is None:
        raise ValueError("1 to 64 small letters, digits and -, a letter or digit first")
    return given
