"""Things that belong to a site, as far as access is concerned: where they are, and what is said when there is none.

A domain declares its own, beside the routes that speak of it: `DEVICE = Thing("device_id", …)`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import TextClause

from signalcraft.core.errors import NotFound


@dataclass(frozen=True)
class Thing:
    """A kind of things.

    parameter: the name of the path's or query's parameter that names one.
    statement: finds one by `:value`; gives `site_id` and `device_id`, each of which may be null.
    unknown: what is raised where there is none, or it is another site's; it takes `parameter` as its detail.
    parse: makes the value out of the text, or raises ValueError where that names nothing.
    """

    parameter: str
    statement: TextClause
    unknown: type[NotFound]
    parse: Callable[[str], Any] = str

    def missing(self, text: str) -> NotFound:
        """The error for one that is not there."""
        return self.unknown(**{self.parameter: text})
