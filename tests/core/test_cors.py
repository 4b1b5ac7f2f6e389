"""Pages of other origins: none may call the API unless the operator has named them."""

import pytest

OURS = "https://app.example"
PREFLIGHT = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"}


def allowed(answer) -> dict:
    return {name: value for name, value in answer.headers.items() if name.startswith("access-control-")}


async def test_by_default_no_other_origin_is_allowed(client):
    asked = await client.get("/health", headers={"Origin": OURS})
    preflight = await client.options("/api/diagnoses", headers={"Origin": OURS, **PREFLIGHT})

    assert (allowed(asked), allowed(preflight)) == ({}, {})


async def test_a_named_origin_is_allowed_and_others_are_not(running):
    async with running(server={"cors_origins": f"{OURS}, http://localhost:5173"}) as client:
        asked = await client.get("/health", headers={"Origin": OURS})
        preflight = await client.options("/api/diagnoses", headers={"Origin": OURS, **PREFLIGHT})
        strangers = [
            await client.options("/api/diagnoses", headers={"Origin": origin, **PREFLIGHT})
            for origin in (
                "https://evil.example",
                "null",
                "https://app.example.evil.example",
                "http://app.example",
            )
        ]

    assert allowed(asked)["access-control-allow-origin"] == OURS
    assert "Origin" in asked.headers["vary"]
    assert preflight.status_code == 200
    assert allowed(preflight)["access-control-allow-origin"] == OURS
    for stranger in strangers:
        assert stranger.status_code == 400
        assert "access-control-allow-origin" not in stranger.headers
        assert stranger.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("path", ["/api/diagnoses", "/nowhere", "/api/iot/sensors/data"])
async def test_also_refusals_can_be_read_by_a_named_origin(running, path):
    async with running(server={"cors_origins": OURS}) as client:
        refused = await client.post(path, headers={"Origin": OURS})

    assert refused.status_code >= 400
    assert allowed(refused)["access-control-allow-origin"] == OURS
