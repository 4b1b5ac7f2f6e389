"""Injection lists against every parameter of every route, and JSON that is built to break parsers: 4xx, and no more."""

import json
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote
from uuid import uuid4

import httpx
import pytest

from tests.live import LiveService, live_service
from tests.readings import POST, POST_BATCH, a_reading

# From OWASP's testing guide and the lists of SecLists and sqlmap: what ends a literal, a statement or a text.
INJECTIONS = [
    "'",
    '"',
    "`",
    "\\",
    "' OR '1'='1",
    "' OR 1=1--",
    '" OR ""="',
    "1 OR 1=1",
    "1; DROP TABLE readings--",
    "'; DROP TABLE devices; --",
    "'; SELECT pg_sleep(60)--",
    "1); SELECT pg_sleep(60)--",
    "'||(SELECT pg_sleep(60))||'",
    "' UNION SELECT NULL,version(),NULL--",
    "' AND 1=CAST((SELECT version()) AS int)--",
    "$$; SELECT pg_sleep(60); $$",
    "$1",
    ":device_id",
    "%(device_id)s",
    "%s%n%x",
    "{0.__class__}",
    "${jndi:ldap://127.0.0.1/x}",
    "{{7*7}}",
    "<script>alert(1)</script>",
    "../../../../etc/passwd",
    "..%2f..%2fetc%2fpasswd",
    "sensor-1\0",
    "sensor-1\r\nSet-Cookie: a=b",
    "\ud800".encode("utf-8", "surrogatepass").decode("latin-1"),
    "\u202e\ufeff\u2028",
    "０１２",
    "9" * 400,
    "-1",
    "1e999",
    "NaN",
    "0x10",
    "\ufffd" * 100,
]
GIVES_AWAY = (
    "Traceback",
    "asyncpg",
    "sqlalchemy",
    "syntax error",
    "PostgreSQL 1",
    "/src/signalcraft",
    "root:x:",
)


@pytest.fixture(scope="module")
def service(tmp_path_factory) -> Iterator[LiveService]:
    """Readings and recordings are open to anyone, and nothing ends in a limit before it has done its harm."""
    with live_service(
        Path(tmp_path_factory.mktemp("hostile")),
        SIGNALCRAFT_DEVICE_ACCESS="open",
        SIGNALCRAFT_LIMITS__REQUESTS_A_MINUTE="1000000",
    ) as service:
        yield service


@pytest.fixture(scope="module")
def http(service) -> Iterator[httpx.Client]:
    """A client that is signed in as an administrator, so that the checks of rights keep nothing from the rest."""
    made = json.loads(
        service.command("users", "add", "root", "--email", "root@shop.example", "--role", "admin", "--json")
    )
    # A statement that came in from outside and sleeps is noticed by this, or by the server's own limit for statements.
    with httpx.Client(base_url=service.address, timeout=30, headers={"Origin": service.address}) as client:
        client.post(
            "/api/auth/login", json={"username": "root", "password": made["password"]}
        ).raise_for_status()
        yield client
        assert client.get("/api/auth/verify").status_code == 200, "the session has been lost on the way"


@pytest.fixture(scope="module")
def routes(http) -> list[tuple[str, str, dict]]:
    """Method, path and description of each route but the one that would end the session."""
    document = http.get("/openapi.json").json()
    return [
        (method, path, route)
        for path, methods in document["paths"].items()
        for method, route in methods.items()
        if path != "/api/auth/logout"
    ]


def must_be_harmless(answer: httpx.Response, where: str) -> None:
    assert answer.status_code < 500, f"{where}: {answer.status_code} {answer.text}"
    for secret in GIVES_AWAY:
        assert secret not in answer.text, where
    assert not (answer.is_success and "set-cookie" in answer.headers), where


def filled(path: str, route: dict, value: str) -> str:
    """The path with `value` in place of each of its parameters."""
    for parameter in route.get("parameters", []):
        if parameter["in"] == "path":
            path = path.replace("{" + parameter["name"] + "}", quote(value, safe=""))
    return path


@pytest.mark.parametrize("text", INJECTIONS)
def test_no_parameter_of_any_route_reaches_further_than_its_value(http, routes, text):
    before = http.get("/api/iot/devices").json()["count"]
    for method, path, route in routes:
        where = f"{method} {path} {text!r}"
        if "{" in path:
            must_be_harmless(http.request(method, filled(path, route, text)), where)
        queries = [p["name"] for p in route.get("parameters", []) if p["in"] == "query"]
        for name in queries:
            address = filled(path, route, "sensor-1" if "device" in path else str(uuid4()))
            must_be_harmless(http.request(method, address, params={name: text}), f"{where} {name}")
        headers = {"Authorization": b"Bearer " + text.encode(), "Cookie": b"sessionId=" + text.encode()}
        if not {"\0", "\r"} & set(text):
            must_be_harmless(http.request(method, filled(path, route, "sensor-1"), headers=headers), where)

    assert http.get("/api/iot/devices").json()["count"] == before


@pytest.mark.parametrize("text", INJECTIONS)
def test_no_field_of_any_body_does_either(http, routes, text):
    for method, path, route in routes:
        content = route.get("requestBody", {}).get("content", {})
        address = filled(path, route, str(uuid4()))
        if "application/json" in content:
            names = {
                "username",
                "password",
                "email",
                "text",
                "name",
                "state",
                "device_id",
                "timestamp",
                "code",
            }
            body = dict.fromkeys(names, text)
            must_be_harmless(http.request(method, address, json=body), f"{method} {path} {text!r}")
        if "multipart/form-data" in content:
            form = {"device_id": text, "recorded_at": text}
            answer = http.request(method, address, data=form, files={"audio": (text, b"RIFF", text)})
            must_be_harmless(answer, f"{method} {path} {text!r}")
    for field in a_reading():
        must_be_harmless(http.post(POST, json=a_reading(**{field: text})), f"{field}={text!r}")
        must_be_harmless(http.post(POST_BATCH, json=[a_reading(**{field: text})]), f"{field}={text!r}")


DEEP = 30_000
HOSTILE_JSON = {
    "deep arrays": b"[" * DEEP + b"]" * DEEP,
    "deep objects": b'{"a":' * (DEEP // 6) + b"1" + b"}" * (DEEP // 6),
    "deep and open": b"[" * 2 * DEEP,
    "deep within a reading": json.dumps(a_reading()).encode()[:-1]
    + b',"x":'
    + b"[" * DEEP
    + b"]" * DEEP
    + b"}",
    "a number of 60,000 digits": b'{"temperature": ' + b"9" * 60_000 + b"}",
    "a huge exponent": b'{"temperature": 1e999999999, "timestamp": 1E400}',
    "the same key again and again": b"{" + b'"device_id": "a",' * 3_000 + b'"device_id": "b"}',
    "many keys": json.dumps({f"k{n}": n for n in range(5_000)}).encode(),
    "keys of one hash": json.dumps({str(n * (2**61 - 1)): 0 for n in range(2_500)}).encode(),
    "NaN and infinities": b'{"temperature": NaN, "audio_level": Infinity, "power_consumption": -Infinity}',
    "lone surrogates": b'{"device_id": "\\ud800", "username": "\\ud800", "password": "\\udfff\\udfff"}',
    "nul in a text": b'{"device_id": "a\\u0000b", "username": "a\\u0000b", "password": "12345678\\u0000"}',
    "no UTF-8": b'{"device_id": "\xff\xfe", "username": "\xc0\x80"}',
    "UTF-16": '{"device_id": "a"}'.encode("utf-16"),
    "a byte order mark": b"\xef\xbb\xbf{}",
    "__proto__": b'{"__proto__": {"is_admin": true}, "constructor": {}, "__class__": "x"}',
    "nothing": b"",
    "null": b"null",
    "a text": b'"text"',
    "XML": b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>',
}


@pytest.mark.parametrize("body", HOSTILE_JSON.values(), ids=HOSTILE_JSON)
def test_json_that_is_built_to_break_parsers_is_refused(http, routes, body):
    for method, path, route in routes:
        if "application/json" in route.get("requestBody", {}).get("content", {}):
            answer = http.request(
                method,
                filled(path, route, str(uuid4())),
                content=body,
                headers={"Content-Type": "application/json"},
            )
            must_be_harmless(answer, f"{method} {path}")
            assert answer.status_code >= 400 or path in {POST, POST_BATCH}, f"{method} {path}: {answer.text}"


@pytest.mark.parametrize("size", [70_000, 9_000_000, 40_000_000])
def test_an_oversized_body_is_refused_on_every_route(http, routes, size):
    for method, path, route in routes:
        address = filled(path, route, str(uuid4()))
        try:
            answer = http.request(
                method, address, content=b" " * size, headers={"Content-Type": "application/json"}
            )
        except httpx.TransportError:
            # More than is read of a refused body: the connection ends. The answer may be lost with it.
            assert size == 40_000_000
            continue
        must_be_harmless(answer, f"{method} {path}")
        if "application/json" in route.get("requestBody", {}).get("content", {}):
            assert answer.status_code >= 400, f"{method} {path}"
    assert http.get("/health").status_code == 200
