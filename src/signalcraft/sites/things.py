"""Sites as the things that access is about."""

from sqlalchemy import text

from signalcraft.access.things import Thing
from signalcraft.sites.errors import SiteUnknown
from signalcraft.sites.service import must_be_site_id

SITE = Thing(
    "site_id",
    text("SELECT site_id, NULL::text AS device_id FROM sites WHERE site_id = :value"),
    SiteUnknown,
    must_be_site_id,
)
