"""Why somebody who is known may not do what was asked."""

from signalcraft.core.errors import Forbidden


class RightMissing(Forbidden):
    """You may not do that here: it needs the right `{right}`, as the table of roles in docs/access.md tells."""

    code = "right_missing"


class ScopeMissing(Forbidden):
    """This token may not do that: it needs a scope that covers `{right}`."""

    code = "scope_missing"
