"""Errors are problem details everywhere."""

import pytest


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/nowhere", 404, "not_found"),
        ("DELETE", "/health", 405, "method_not_allowed"),
        ("GET", "/api/iot/sensors/data", 405, "method_not_allowed"),
        ("GET", "/api/diagnoses", 401, "token_missing"),
    ],
)
async def test_a_problem_has_a_code_and_a_sentence(client, method, path, status, code):
    response = await client.request(method, path)

    problem = response.json()
    assert response.headers["content-type"] == "application/problem+json"
    assert (response.status_code, problem["status"], problem["code"]) == (status, status, code)
    assert problem["detail"].endswith((".", "…`."))
    assert problem["request_id"] == response.headers["x-request-id"]


async def test_a_given_request_id_is_kept_and_a_strange_one_is_not(client):
    kept = await client.get("/health", headers={"X-Request-ID": "from-the-proxy-1"})
    replaced = await client.get("/health", headers={"X-Request-ID": 'x"} {"forged": 1'})

    assert kept.headers["x-request-id"] == "from-the-proxy-1"
    assert "forged" not in replaced.headers["x-request-id"]
