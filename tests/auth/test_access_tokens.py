"""One's own tokens for scripts."""

from tests.access.scene import bearer

TOKENS = "/api/auth/tokens"


async def test_a_token_is_shown_once_works_and_ends(client, scene):
    headers = await scene.session_of("viewer")
    made = await client.post(TOKENS, json={"name": "backup", "scopes": ["read"]}, headers=headers)
    token = made.json()["token"]
    assert made.status_code == 201

    assert (await client.get("/api/iot/devices", headers=bearer(token))).json()["count"] == 1
    (listed,) = (await client.get(TOKENS, headers=headers)).json()["data"]
    assert (listed["name"], listed["scopes"]) == ("backup", ["read"])
    assert listed["last_used_at"] is not None
    assert token not in str(listed)

    path = f"{TOKENS}/{listed['token_id']}"
    assert (await client.delete(path, headers=await scene.session_of("owner"))).status_code == 404
    assert (await client.delete(path, headers=headers)).status_code == 200
    assert (await client.get("/api/iot/devices", headers=bearer(token))).status_code == 401


async def test_a_token_makes_no_tokens_and_no_sessions(client, scene):
    headers = await scene.script_of("admin")
    for method, path in (
        ("POST", TOKENS),
        ("GET", TOKENS),
        ("GET", "/api/auth/verify"),
        ("POST", "/api/auth/password"),
    ):
        assert (await client.request(method, path, json={}, headers=headers)).status_code == 401


async def test_tokens_have_a_scope_an_end_and_a_number(client, scene):
    headers = await scene.session_of("viewer")
    for wrong in (
        {"scopes": []},
        {"scopes": ["all"]},
        {"days": 0},
        {"days": 367},
        {"name": ""},
        {"name": "a\0"},
    ):
        body = {"name": "backup", "scopes": ["read"]} | wrong
        assert (await client.post(TOKENS, json=body, headers=headers)).status_code == 422, wrong
    for _ in range(100):
        await client.post(TOKENS, json={"name": "x", "scopes": ["read"]}, headers=headers)
    full = await client.post(TOKENS, json={"name": "x", "scopes": ["read"]}, headers=headers)
    assert (full.status_code, full.json()["code"]) == (403, "access_tokens_full")
