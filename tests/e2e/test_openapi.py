"""Every answer of the running service conforms to its own OpenAPI document, and none is a 5xx."""

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

CHECKS = [
    schemathesis.checks.not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
EXAMPLES = settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))


@pytest.fixture(scope="module")
def open_api(open_service):
    return schemathesis.openapi.from_url(f"{open_service.address}/openapi.json")


@pytest.fixture(scope="module")
def guarded_api(service):
    return schemathesis.openapi.from_url(f"{service.address}/openapi.json")


open_schema = schemathesis.pytest.from_fixture("open_api")
guarded_schema = schemathesis.pytest.from_fixture("guarded_api")


@pytest.mark.timeout(300)
@open_schema.parametrize()
@EXAMPLES
def test_open_access(case):
    case.call_and_validate(checks=CHECKS)


@pytest.mark.timeout(300)
@guarded_schema.parametrize()
@settings(EXAMPLES, max_examples=10)
def test_without_a_token(case):
    case.call_and_validate(checks=CHECKS)


def test_each_route_has_an_example_and_its_errors(service):
    document = httpx.get(f"{service.address}/openapi.json").json()

    for path, methods in document["paths"].items():
        for method, route in methods.items():
            where = f"{method} {path}"
            assert route.get("description"), f"{where} is not described"
            if path.startswith("/api/"):
                assert {"401", "503"} <= set(route["responses"]), where


@pytest.mark.parametrize("page", ["/docs", "/redoc"])
def test_the_pages_of_the_api_load_nothing_from_elsewhere(service, page):
    html = httpx.get(f"{service.address}{page}").text

    addresses = [part.split('"')[0] for part in html.replace("'", '"').split('src="')[1:]]
    addresses += [part.split('"')[0] for part in html.replace("'", '"').split('href="')[1:]]
    assert addresses
    for address in addresses:
        assert address.startswith("/"), f"{page} loads {address}"
        assert httpx.get(f"{service.address}{address}").status_code == 200
