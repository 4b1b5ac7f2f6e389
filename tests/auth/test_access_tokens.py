"""One's own tokens for scripts."""

from tests.access.scene import SHOP, bearer
from tests.people import PASSWORD

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


async def test_a_token_makes_no_accounts_members_or_invitations(client, scene):
    viewer = scene.users["viewer"]
    tried = {
        ("POST", "/api/users"): {"username": "jiho", "email": "jiho@shop.example", "is_admin": True},
        ("PATCH", f"/api/users/{viewer}"): {"is_admin": True},
        ("POST", f"/api/users/{viewer}/password"): None,
        ("POST", f"/api/sites/{SHOP}/members"): {"username": "viewer", "role": "owner"},
        ("DELETE", f"/api/sites/{SHOP}/members/{viewer}"): None,
        ("POST", f"/api/sites/{SHOP}/invitations"): {"role": "owner"},
    }
    headers = await scene.script_of("admin")
    for (method, path), body in tried.items():
        answer = await client.request(method, path, json=body, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (403, "scope_missing"), path


async def test_a_script_gets_no_token_of_a_device_that_does_more_than_its_scopes(client, scene):
    path = f"/api/devices/{scene.ids['device_id']}/token"
    for scopes in (("manage",), ("manage", "read"), ("manage", "ingest")):
        answer = await client.post(path, json={}, headers=await scene.script_of("owner", *scopes))
        assert (answer.status_code, answer.json()["code"]) == (403, "scope_missing"), scopes
    whole = await scene.script_of("owner", "manage", "read", "ingest")
    assert (await client.post(path, json={}, headers=whole)).status_code == 201
    # A new device has nothing yet that its token could read.
    registering = await scene.script_of("owner", "manage")
    new = {"device_id": "new-machine"}
    added = await client.post(f"/api/sites/{SHOP}/devices", json=new, headers=registering)
    assert added.status_code == 201, added.text


async def test_a_new_password_revokes_them_and_says_how_many(client, scene):
    mine, others = await scene.script_of("viewer"), await scene.script_of("owner")
    headers = await scene.session_of("viewer")
    change = {"current_password": PASSWORD, "new_password": "another good password"}
    changed = await client.post("/api/auth/password", json=change, headers=headers)
    assert changed.json()["message"].endswith("Access tokens revoked: 1.")
    assert (await client.get("/api/sites", headers=mine)).status_code == 401

    mine, admin = await scene.script_of("viewer"), await scene.session_of("admin")
    reset = await client.post(f"/api/users/{scene.users['viewer']}/password", headers=admin)
    assert reset.json()["tokens_revoked"] == 1
    assert (await client.get("/api/sites", headers=mine)).status_code == 401
    assert (await client.get("/api/sites", headers=others)).status_code == 200


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
