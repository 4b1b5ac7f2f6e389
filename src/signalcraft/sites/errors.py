"""What can go wrong with sites and their members."""

from signalcraft.core.errors import BadRequest, Forbidden, NotFound


class SiteUnknown(NotFound):
    """There is no site {site_id} here, or you are not a member of it."""

    code = "site_unknown"


class SiteExists(BadRequest):
    """There is a site {site_id} already; choose another id."""

    status, code = 409, "site_exists"


class MemberUnknown(NotFound):
    """This site has no such member."""

    code = "member_unknown"


class InvitationUnknown(NotFound):
    """This site has no such open invitation; it may have been used."""

    code = "invitation_unknown"


class InvitationsFull(Forbidden):
    """This site has {limit} open invitations already; withdraw one first."""

    code = "invitations_full"
