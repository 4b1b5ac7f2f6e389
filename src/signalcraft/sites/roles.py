"""What a user can be at a site."""

from enum import StrEnum


class Role(StrEnum):
    """From the one who may most to the one who may least."""

    OWNER = "owner"
    ENGINEER = "engineer"
    VIEWER = "viewer"
