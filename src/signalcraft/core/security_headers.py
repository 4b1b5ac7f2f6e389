"""Headers that tell browsers what an answer may do and who may use it, whoever made it.

The set is that of OWASP's Secure Headers Project. Two of its headers are not here: `Clear-Site-Data` belongs to the
answer to a logout, and `upgrade-insecure-requests` would break pages on a plain HTTP address in a closed network.
"""

from collections.abc import Iterable, Mapping
from typing import Final

Header = tuple[bytes, bytes]

CONTENT_SECURITY_POLICY: Final = "content-security-policy"
CACHE_CONTROL: Final = "cache-control"
# An answer is data unless a page says otherwise: it loads nothing, runs nothing and stands in no frame.
NOTHING: Final = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
_UNUSED_FEATURES: Final = (
    "accelerometer",
    "camera",
    "display-capture",
    "geolocation",
    "gyroscope",
    "magnetometer",
    "microphone",
    "midi",
    "payment",
    "usb",
)
# On every answer.
HEADERS: Final = {
    CONTENT_SECURITY_POLICY: NOTHING,
    # Answers hold measurements and secrets that were shown once; nobody between or behind may keep them.
    CACHE_CONTROL: "no-store",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
}
# Besides, on answers with a policy of their own, which are pages: these govern a document and what it loads. On a reading's
# answer nobody would heed them, and each costs the server half a microsecond.
PAGE_HEADERS: Final = {
    "permissions-policy": ", ".join(f"{feature}=()" for feature in _UNUSED_FEATURES),
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-embedder-policy": "require-corp",
    "x-permitted-cross-domain-policies": "none",
    "x-dns-prefetch-control": "off",
}
# Two years and all subdomains, as ASVS 5.0, 3.4.1 asks of level 2. Over plain HTTP browsers must ignore it (RFC 6797, 7.2).
STRICT_TRANSPORT_SECURITY: Final = ("strict-transport-security", "max-age=63072000; includeSubDomains")


def _encoded(headers: Mapping[str, str]) -> list[Header]:
    return [(name.encode(), value.encode()) for name, value in headers.items()]


_OVER_HTTP: Final = _encoded(HEADERS)
_OVER_HTTPS: Final = _encoded(HEADERS | dict([STRICT_TRANSPORT_SECURITY]))
_OF_PAGES: Final = _encoded(PAGE_HEADERS)
# Those that an answer may have of its own; asked for by their bytes on the hottest path.
_POLICY: Final = CONTENT_SECURITY_POLICY.encode()
_OWN: Final = {_POLICY, CACHE_CONTROL.encode()}


def security_headers(scheme: str, present: Iterable[Header] = ()) -> list[Header]:
    """The headers that an answer needs besides those that it has.

    scheme: `http` or `https`, as the client has asked. present: the answer's own headers, their names in lower case.
    """
    wanted = _OVER_HTTPS if scheme == "https" else _OVER_HTTP
    own = [name for name, _ in present if name in _OWN]
    if not own:
        return wanted
    rest = [header for header in wanted if header[0] not in own]
    return rest + _OF_PAGES if _POLICY in own else rest
