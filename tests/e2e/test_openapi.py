"""Every answer of the running service conforms to its own OpenAPI document, and none is a 5xx."""

import json

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from signalcraft.app import create_app
from signalcraft.settings import Settings

CHECKS = [
    schemathesis.checks.not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
OPEN_TO_ALL = {"/api/auth/register"}
EXAMPLES = settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))


@schemathesis.serializer("application/x-ndjson")
def lines(_context, value):
    """JSON objects a line; anything else as it is, which the service must refuse well."""
    if isinstance(value, list):
        return "\n".join(json.dumps(item) for item in value).encode()
    return value.encode() if isinstance(value, str) else json.dumps(value).encode()


# Read from the application itself: the plugin's lazy schemas don't work with pytest 9.2.
schema = schemathesis.openapi.from_dict(create_app(Settings()).openapi())


@pytest.mark.timeout(300)
@schema.parametrize()
@EXAMPLES
def test_open_access(case, open_service):
    case.call_and_validate(base_url=open_service.address, checks=CHECKS)


@pytest.mark.timeout(300)
@schema.parametrize()
@settings(EXAMPLES, max_examples=10)
def test_without_a_token(case, service):
    case.call_and_validate(base_url=service.address, checks=CHECKS)


@pytest.fixture(scope="module")
def administrator(service) -> dict[str, dict[str, str]]:
    """The headers of an administrator's script with all scopes, and of the session that made it."""
    made = service.command(
        "users", "add", "root", "--email", "root@shop.example", "--role", "admin", "--json"
    )
    with httpx.Client(base_url=service.address, headers={"Origin": service.address}) as http:
        credentials = {"username": "root", "password": json.loads(made)["password"]}
        http.post("/api/auth/login", json=credentials).raise_for_status()
        asked = {"name": "schemathesis", "scopes": ["read", "ingest", "manage"]}
        token = http.post("/api/auth/tokens", json=asked).json()["token"]
        session = {"Cookie": f"sessionId={http.cookies['sessionId']}", "Origin": service.address}
    return {"script": {"Authorization": f"Bearer {token}"}, "session": session}


@pytest.mark.timeout(300)
@schema.parametrize()
@settings(EXAMPLES, max_examples=5)
def test_as_an_administrator(case, service, administrator):
    # People and their roles are for sessions; what is posted comes from scripts.
    by = "session" if case.path.startswith(("/api/users", "/api/sites", "/api/audit")) else "script"
    case.call_and_validate(base_url=service.address, headers=administrator[by], checks=CHECKS)


def test_each_route_has_an_example_and_its_errors(service):
    document = httpx.get(f"{service.address}/openapi.json").json()

    for path, methods in document["paths"].items():
        for method, route in methods.items():
            where = f"{method} {path}"
            assert route.get("description"), f"{where} is not described"
            if path.startswith("/api/"):
                needed = {"503"} if path in OPEN_TO_ALL else {"401", "503"}
                assert needed <= set(route["responses"]), where
                # Except for what a page asks all the time, to see whether somebody is signed in.
                assert "429" in route["responses"] or path == "/api/auth/verify", where
                assert "413" in route["responses"] or "requestBody" not in route, where
            for status, response in route["responses"].items():
                if status >= "400" and path.startswith("/api/"):
                    (media_type,) = response["content"]
                    assert media_type == "application/problem+json", where
                    for code, example in response["content"][media_type]["examples"].items():
                        assert example["value"]["code"] == code
                        assert "{" not in example["value"]["detail"], f"{where}: {example}"


@pytest.mark.parametrize("page", ["/docs", "/redoc"])
def test_the_pages_of_the_api_load_nothing_from_elsewhere(service, page):
    html = httpx.get(f"{service.address}{page}").text

    addresses = [part.split('"')[0] for part in html.replace("'", '"').split('src="')[1:]]
    addresses += [part.split('"')[0] for part in html.replace("'", '"').split('href="')[1:]]
    assert addresses
    for address in addresses:
        assert address.startswith("/"), f"{page} loads {address}"
        assert httpx.get(f"{service.address}{address}").status_code == 200
