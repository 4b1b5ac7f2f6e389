"""The scene of which the log tells."""

from tests.access.conftest import scene

__all__ = ["scene"]
