"""Every answer tells browsers what it may do, whoever made it."""

import json

import httpx
import pytest

from signalcraft.core.security_headers import HEADERS, NOTHING, PAGE_HEADERS, STRICT_TRANSPORT_SECURITY
from tests.readings import POST, a_reading

HSTS = STRICT_TRANSPORT_SECURITY[0]
ANSWERS = {
    "data": ("GET", "/health", {}, 200),
    "an empty answer": ("HEAD", "/health", {}, 200),
    "a page": ("GET", "/docs", {}, 200),
    "another page": ("GET", "/redoc", {}, 200),
    "a redirect": ("GET", "/", {}, 307),
    "the document": ("GET", "/openapi.json", {}, 200),
    "a file": ("GET", "/static/vendor/swagger-ui/swagger-ui.css", {}, 200),
    "a part of a file": ("GET", "/static/pages/docs.js", {"headers": {"Range": "bytes=0-3"}}, 206),
    "no file": ("GET", "/static/vendor/nothing.js", {}, 404),
    "the file of another folder": ("GET", "/static/vendor/..%2f..%2fapp.py", {}, 404),
    "a stored reading": ("POST", POST, {"json": a_reading()}, 200),
    "a refused reading": ("POST", POST, {"json": a_reading(temperature=1000)}, 422),
    "a body that is too large": ("POST", POST, {"content": b" " * 70_000}, 413),
    "nothing there": ("GET", "/nowhere", {}, 404),
    "a wrong method": ("DELETE", "/health", {}, 405),
    "no recording": ("POST", "/api/lightweight-analyze", {}, 400),
    "a wrong parameter": ("GET", "/api/diagnoses?limit=0", {}, 422),
}


def must_be_secured(answer: httpx.Response, *, is_page: bool = False) -> None:
    """All headers are there, each once, none but those of pages and files with another value."""
    names = [name.lower() for name, _ in answer.headers.multi_items()]
    own = {"cache-control"} | ({"content-security-policy"} if is_page else set())
    for name, value in (HEADERS | PAGE_HEADERS if is_page else HEADERS).items():
        assert names.count(name) == 1, name
        assert name in own or answer.headers[name] == value
    assert "server" not in names


@pytest.mark.parametrize(("method", "path", "content", "status"), ANSWERS.values(), ids=ANSWERS)
async def test_every_answer_has_them(open_client, method, path, content, status):
    answer = await open_client.request(method, path, **content)

    assert answer.status_code == status
    must_be_secured(answer, is_page=path in {"/docs", "/redoc"})


async def test_an_unexpected_error_has_them_and_a_request_id_to_quote(running, monkeypatch):
    async def broken(*_arguments):
        raise ZeroDivisionError("the inside of the house")

    async with running(devices={"access": "open"}) as client:
        monkeypatch.setattr(client.app.state.ingest, "store", broken)
        answer = await client.post(POST, json=a_reading())

    must_be_secured(answer)
    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (500, "internal")
    assert problem["request_id"] == answer.headers["x-request-id"]
    assert "`request_id`" in problem["detail"]
    assert "house" not in answer.text
    assert "ZeroDivision" not in answer.text


@pytest.mark.parametrize("page", ["/docs", "/redoc"])
async def test_pages_run_no_inline_script_and_stand_in_no_frame(open_client, page):
    policy = (await open_client.get(page)).headers["content-security-policy"]

    assert "'unsafe" not in policy
    assert "script-src 'self';" in policy
    for directive in NOTHING.split("; "):
        assert directive in policy


async def test_data_is_not_kept_and_files_are_asked_for_again(open_client):
    data = await open_client.get("/api/iot/devices")
    file = await open_client.get("/static/pages/docs.js")
    again = await open_client.get("/static/pages/docs.js", headers={"If-None-Match": file.headers["etag"]})

    assert (data.headers["cache-control"], file.headers["cache-control"]) == ("no-store", "no-cache")
    assert again.status_code == 304
    must_be_secured(again)


async def test_strict_transport_security_is_said_over_https_alone(client):
    over_http = await client.get("/health")
    over_https = await client.get("https://signalcraft.test/health")

    assert HSTS not in over_http.headers
    assert over_https.headers[HSTS] == "max-age=63072000; includeSubDomains"


@pytest.mark.parametrize(
    ("trusted", "is_believed"), [("127.0.0.1", True), ("", False), ("10.0.0.0/8", False)]
)
async def test_a_proxy_is_believed_where_it_is_trusted(running, capsys, trusted, is_believed):
    forwarded = {"X-Forwarded-Proto": "https", "X-Forwarded-For": "192.0.2.66, 198.51.100.7"}
    async with running(server={"trusted_proxies": trusted}) as client:
        answer = await client.get("/nowhere", headers=forwarded)

    [line] = [line for line in capsys.readouterr().out.splitlines() if '"request"' in line]
    assert (HSTS in answer.headers) is is_believed
    # Of the addresses only the last was written by the proxy itself; a client can write the others.
    assert json.loads(line)["client"] == ("198.51.100.7" if is_believed else "127.0.0.1")
