"""Where a request comes from. Behind trusted proxies Uvicorn's middleware has put their word into the scope already."""

from ipaddress import IPv6Address, ip_address

from starlette.requests import Request

UNKNOWN_ADDRESS = "unknown"
# More than any address has. A careless proxy hands on whatever a client has written, and addresses are remembered.
MOST_CHARACTERS = 64


def client_address(request: Request) -> str:
    """The client's address, or `unknown` (a unix socket has none)."""
    address = request.client.host if request.client is not None else ""
    return address[:MOST_CHARACTERS] or UNKNOWN_ADDRESS


def counted_address(address: str) -> str:
    """The part of an address that one client can't change at will: of IPv6 the network of 64 bits."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, IPv6Address):
        mapped = parsed.ipv4_mapped
        return str(mapped) if mapped else str(IPv6Address(int(parsed) >> 64 << 64))
    return address


def is_https(request: Request) -> bool:
    """Whether the browser sees this address over TLS."""
    return bool(request.scope["scheme"] == "https")


def own_origin(request: Request) -> str:
    """This address as a browser names it in `Origin`."""
    return f"{request.scope['scheme']}://{request.headers.get('host', '')}".lower()
