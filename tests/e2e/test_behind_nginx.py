"""Behind Nginx nobody smuggles a request past it, and nobody writes the proxy's word for it."""

import json
import socket
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.e2e.nginx import Nginx, nginx_before
from tests.live import LiveService, live_service, wait_until

SMUGGLED = b"GET /smuggled HTTP/1.1\r\nHost: s\r\nX-Request-ID: smuggled-past-the-proxy\r\n\r\n"
CHUNKED = b"0\r\n\r\n" + SMUGGLED
LENGTH = b"Content-Length: %d\r\n" % len(CHUNKED)


def request(*headers: bytes, body: bytes = CHUNKED, line: bytes = b"POST /api/diagnoses HTTP/1.1") -> bytes:
    return b"\r\n".join([line, b"Host: s", *[header.rstrip(b"\r\n") for header in headers], b"", body])


# PortSwigger's and OWASP's lists of ways in which a proxy and a server may see different ends of a request.
AMBIGUOUS = {
    "length and chunks": request(LENGTH, b"Transfer-Encoding: chunked"),
    "chunks and length": request(b"Transfer-Encoding: chunked", LENGTH),
    "short length and chunks": request(b"Content-Length: 4", b"Transfer-Encoding: chunked"),
    "another encoding": request(LENGTH, b"Transfer-Encoding: xchunked"),
    "encoding behind a tab": request(LENGTH, b"Transfer-Encoding:\tchunked"),
    "encoding behind a vertical tab": request(LENGTH, b"Transfer-Encoding: \x0bchunked"),
    "encoding twice": request(LENGTH, b"Transfer-Encoding: chunked", b"Transfer-Encoding: identity"),
    "encoding in a list": request(LENGTH, b"Transfer-Encoding: identity, chunked"),
    "encoding in quotes": request(LENGTH, b'Transfer-Encoding: "chunked"'),
    "encoding with a parameter": request(LENGTH, b"Transfer-Encoding: chunked;q=1"),
    "blank before the colon": request(LENGTH, b"Transfer-Encoding : chunked"),
    "blank before the name": request(LENGTH, b" Transfer-Encoding: chunked"),
    "underscore": request(LENGTH, b"Transfer_Encoding: chunked"),
    "folded": request(LENGTH, b"X: y\r\n Transfer-Encoding: chunked"),
    "folded value": request(LENGTH, b"Transfer-Encoding:\r\n chunked"),
    "line feed alone": request(LENGTH, b"X: y\nTransfer-Encoding: chunked"),
    "carriage return alone": request(LENGTH, b"X: y\rTransfer-Encoding: chunked"),
    "nul": request(LENGTH, b"X: y\0\r\nTransfer-Encoding: chunked"),
    "two lengths": request(LENGTH, b"Content-Length: 0"),
    "two equal lengths": request(LENGTH, LENGTH),
    "a list of lengths": request(b"Content-Length: 0, %d" % len(CHUNKED)),
    "length with a plus": request(b"Content-Length: +0"),
    "negative length": request(b"Content-Length: -1"),
    "length in hex": request(b"Content-Length: 0x0"),
    "length with blanks": request(b"Content-Length: 0 0"),
    "length of 30 digits": request(b"Content-Length: " + b"9" * 30),
    "huge chunk": request(b"Transfer-Encoding: chunked", body=b"ffffffffffffffffff\r\n" + SMUGGLED),
    "negative chunk": request(b"Transfer-Encoding: chunked", body=b"-1\r\n" + SMUGGLED),
    "chunk in hex": request(b"Transfer-Encoding: chunked", body=b"0x0\r\n\r\n" + SMUGGLED),
    "chunk extension": request(b"Transfer-Encoding: chunked", body=b"0;x=\n\r\n\r\n" + SMUGGLED),
    "chunk behind a line feed": request(b"Transfer-Encoding: chunked", body=b"1\na\r\n0\r\n\r\n" + SMUGGLED),
    "chunk too long": request(b"Transfer-Encoding: chunked", body=b"1\r\nabcd\r\n0\r\n\r\n" + SMUGGLED),
    "trailer": request(
        b"Transfer-Encoding: chunked", body=b"0\r\nTransfer-Encoding: chunked\r\n\r\n" + SMUGGLED
    ),
    "body of a GET": request(LENGTH, line=b"GET /health HTTP/1.1"),
    "HTTP/1.0 with chunks": request(LENGTH, b"Transfer-Encoding: chunked", line=b"POST /health HTTP/1.0"),
    "HTTP/0.9": request(line=b"GET /health"),
    "another version": request(LENGTH, line=b"POST /health HTTP/1.2"),
    "line feed in the path": request(LENGTH, line=b"GET /health\nX: y HTTP/1.1"),
    "a second line in the path": request(line=b"GET /health%20HTTP/1.1%0d%0aX:%20y HTTP/1.1"),
    "upgrade": request(
        LENGTH, b"Connection: Upgrade, HTTP2-Settings", b"Upgrade: h2c", b"HTTP2-Settings: AAMA"
    ),
    "hop by hop": request(LENGTH, b"Connection: close, X-Request-ID, X-Forwarded-For, Content-Length"),
    "expect": request(LENGTH, b"Expect: 100-continue", b"Transfer-Encoding: chunked"),
}


@pytest.fixture(scope="module")
def proxied(tmp_path_factory) -> Iterator[LiveService]:
    with live_service(
        Path(tmp_path_factory.mktemp("proxied")),
        SIGNALCRAFT_SERVER__TRUSTED_PROXIES="127.0.0.1",
        # Every request that the service has seen is in its log, by the id that the proxy gave it.
        LOG_LEVEL="DEBUG",
    ) as service:
        yield service


@pytest.fixture(scope="module")
def nginx(proxied, tmp_path_factory) -> Iterator[Nginx]:
    # Not read to its end first: the proxy passes on what comes as it comes, the harder case.
    with nginx_before(
        proxied.address, Path(tmp_path_factory.mktemp("nginx")), "proxy_request_buffering off;"
    ) as nginx:
        yield nginx


def send(address: str, content: bytes) -> bytes:
    """What comes back before the connection ends or nothing more comes."""
    host, port = address.removeprefix("http://").split(":")
    received = b""
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        connection.sendall(content)
        connection.shutdown(socket.SHUT_WR)
        try:
            while more := connection.recv(65536):
                received += more
        except (TimeoutError, ConnectionError):
            pass
    return received


def seen(service: LiveService) -> list[str]:
    """The ids of the requests in the service's log."""
    lines = (service.data_dir.parent / "serve.log").read_text().splitlines()
    entries = [json.loads(line) for line in lines if line.startswith("{") and '"request"' in line]
    return [entry["request_id"] for entry in entries if entry["event"] == "request"]


@pytest.mark.parametrize("content", AMBIGUOUS.values(), ids=AMBIGUOUS)
def test_the_service_sees_the_requests_that_the_proxy_saw_and_no_other(nginx, proxied, content):
    answers = send(nginx.address, content)
    # A request that was left over in the connection to the service would answer this one.
    assert httpx.get(f"{nginx.address}/health").json()["version"]

    # Beyond those of the proxy there are the probes of its start, straight to the service, with short ids of its own.
    wait_until(
        lambda: (
            {request_id for request_id in seen(proxied) if len(request_id) != 16} == set(nginx.passed_on())
        ),
        "both have logged the same requests",
    )
    ids = seen(proxied)
    assert len(ids) == len(set(ids))
    assert b" 500 " not in answers


@pytest.mark.parametrize("content", AMBIGUOUS.values(), ids=AMBIGUOUS)
def test_also_alone_the_service_ends_a_request_where_it_says(proxied, content):
    """What is ambiguous is refused, and the connection with it, or its body is a body."""
    answers = send(proxied.address, content)
    count = answers.count(b"HTTP/1.1 ")

    assert b" 500 " not in answers
    if b'"http_malformed"' in answers:
        assert answers.index(b'"http_malformed"') > answers.rindex(b"HTTP/1.1 ")
    else:
        assert count <= 2


def test_the_proxys_word_counts_and_the_clients_does_not(nginx, proxied):
    """From another address than the proxy's own, which is trusted to speak for others."""
    forged = {
        "X-Forwarded-For": "192.0.2.66",
        "X-Forwarded-Proto": "http",
        "X-Request-ID": "forged-by-a-client",
    }
    with httpx.Client(transport=httpx.HTTPTransport(local_address="127.0.0.9")) as client:
        answer = client.get(f"{nginx.address}/nowhere-forged", headers=forged)

    assert answer.headers["strict-transport-security"]
    wait_until(lambda: "/nowhere-forged" in proxied.log(), "the request is logged")
    [line] = [line for line in proxied.log().splitlines() if "/nowhere-forged" in line]
    entry = json.loads(line)
    assert entry["client"] == "127.0.0.9"
    assert entry["request_id"] != "forged-by-a-client"


def test_a_large_body_is_refused_through_the_proxy_too(nginx):
    answer = httpx.post(f"{nginx.address}/api/iot/sensors/data", content=b"x" * 200_000)

    assert (answer.status_code, answer.json()["code"]) == (401, "token_missing")
    assert answer.headers["x-content-type-options"] == "nosniff"
