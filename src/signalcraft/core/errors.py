"""The errors that a client may see.

    SignalCraftError
    ├── BadRequest (4xx)   each domain adds its own below
    │   ├── Unauthorized
    │   ├── Forbidden
    │   ├── NotFound
    │   └── Invalid (422)
    └── TryAgain (503)     the same request may succeed later
        └── TooMany (429)  it may once this client has waited

A class's docstring is its message; `{names}` in it are filled from the keyword arguments. `code` never changes
once released: clients act on it. This module knows no web framework, so that the inference processes can raise
the same errors that the web answers with.
"""

import inspect
from typing import Any, ClassVar


class SignalCraftError(Exception):
    """Something went wrong inside SignalCraft. Quote the `request_id` when you report it: the log has the details."""

    status: ClassVar[int] = 500
    code: ClassVar[str] = "internal"

    def __init__(self, **details: Any) -> None:
        self.details = details
        sentence = " ".join(inspect.cleandoc(type(self).__doc__ or "").split())
        super().__init__(sentence.format_map(_Known(details)))


class BadRequest(SignalCraftError):
    """The request can't be understood."""

    status, code = 400, "bad_request"


class Unauthorized(BadRequest):
    """A valid token is needed: send it as `Authorization: Bearer …`."""

    status, code = 401, "unauthorized"


class Forbidden(BadRequest):
    """This token may not do that."""

    status, code = 403, "forbidden"


class NotFound(BadRequest):
    """There is nothing at this address."""

    status, code = 404, "not_found"


class BodyTooLarge(BadRequest):
    """The request's body is larger than {limit_bytes} bytes; send less at once."""

    status, code = 413, "body_too_large"


class Invalid(BadRequest):
    """The request's content is not valid."""

    status, code = 422, "invalid"


class TryAgain(SignalCraftError):
    """SignalCraft is busy; send the same request again in a moment."""

    status, code = 503, "try_again"
    retry_after_s: ClassVar[int] = 1


class TooMany(TryAgain):
    """There were too many requests; wait for {retry_after_s} seconds, then send it again."""

    status, code = 429, "too_many"


class RateLimited(TooMany):
    """There were too many within a minute; wait for {retry_after_s} seconds, then send it again."""

    code = "rate_limited"


class DatabaseUnavailable(TryAgain):
    """The database can't be reached at the moment; send the same request again."""

    code = "database_unavailable"
    retry_after_s = 2


class StorageFull(TryAgain):
    """There is no room on the server's disk at the moment; nothing was stored. Send the same request again later."""

    code = "storage_full"
    retry_after_s = 60


class _Known(dict[str, Any]):
    """Leaves a placeholder standing where no value is known."""

    def __missing__(self, key: str) -> str:
        return "{" + key + "}"
