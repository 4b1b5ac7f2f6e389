"""What can go wrong with sites and their members."""

from signalcraft.core.errors import NotFound


class SiteUnknown(NotFound):
    """There is no site {site_id} here, or you are not a member of it."""

    code = "site_unknown"
