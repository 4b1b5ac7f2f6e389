"""What can go wrong with users, passwords and sessions.

BadRequest
├── Unauthorized (401)   SignInNeeded, LoginRefused
├── Forbidden (403)      CrossSiteRequest, PasswordWrong, InvitationNeeded, InvitationRefused, AccountsFull,
│                        AccessTokensFull
├── NotFound (404)       UserUnknown, SessionUnknown, AccessTokenUnknown
├── UserExists, LastAdministrator (409)
└── Invalid (422)        PasswordRefused
TryAgain
├── TooManyFailures, TooManyRegistrations (429)
└── LoginsBusy, LimitsUnavailable (503)
"""

from signalcraft.core.errors import (
    BadRequest,
    Forbidden,
    Invalid,
    NotFound,
    TooMany,
    TryAgain,
    Unauthorized,
)


class SignInNeeded(Unauthorized):
    """Sign in first: there is no session here, or it has ended."""

    code = "sign_in_needed"


class LoginRefused(Unauthorized):
    """The user name or the password is wrong, or the account is closed."""

    code = "login_refused"


class CrossSiteRequest(Forbidden):
    """This request did not come from this site's own pages; scripts send the header `Origin` with this address."""

    code = "cross_site_request"


class PasswordWrong(Forbidden):
    """The current password is wrong."""

    code = "password_wrong"


class InvitationNeeded(Forbidden):
    """Accounts are made by invitation here; ask the owner of your site for a code."""

    code = "invitation_needed"


class InvitationRefused(Forbidden):
    """This invitation is unknown, used or past its end; ask for a new one."""

    code = "invitation_refused"


class AccountsFull(Forbidden):
    """No further account can be made here ({limit} exist); the operator can raise the limit."""

    code = "accounts_full"


class UserUnknown(NotFound):
    """There is no such user."""

    code = "user_unknown"


class SessionUnknown(NotFound):
    """You have no such session; it may have ended."""

    code = "session_unknown"


class LastAdministrator(BadRequest):
    """Nobody would be left to administer; make another administrator first."""

    status, code = 409, "last_administrator"


class AccessTokenUnknown(NotFound):
    """You have no such token; it may have ended."""

    code = "access_token_unknown"


class AccessTokensFull(Forbidden):
    """You have {limit} tokens already; end one first."""

    code = "access_tokens_full"


class UserExists(BadRequest):
    """There is a user of this name or e-mail address already; choose another one."""

    status, code = 409, "user_exists"


class PasswordRefused(Invalid):
    """This password can't be taken; `errors` says why."""

    code = "password_refused"


class TooManyFailures(TooMany):
    """Too many logins have failed; wait for {retry_after_s} seconds, then try again."""

    code = "too_many_failures"


class TooManyRegistrations(TooMany):
    """Too many accounts were made from this address; wait for {retry_after_s} seconds, then try again."""

    code = "too_many_registrations"


class LoginsBusy(TryAgain):
    """Too many people are signing in at this moment; try again in a few seconds."""

    code = "logins_busy"
    retry_after_s = 3


class LimitsUnavailable(TryAgain):
    """Redis, which counts failed logins, can't be reached at the moment; try again in a few seconds."""

    code = "limits_unavailable"
    retry_after_s = 3
