"""The scene in which sites are administered."""

from tests.access.conftest import scene

__all__ = ["scene"]
