"""Sites, members, invitations, devices and users, as owners and administrators manage them."""

from tests.access.scene import OTHER_SHOP, SHOP, bearer
from tests.people import PASSWORD, Browser

READINGS = "/api/iot/sensors/data"


async def test_an_administrator_makes_a_site_and_its_owner_who_signs_in(client, scene):
    headers = await scene.session_of("admin")
    site = {"site_id": "shop-2", "name": "Shop 2, Mapo"}
    assert (await client.post("/api/sites", json=site, headers=headers)).status_code == 201
    assert (await client.post("/api/sites", json=site, headers=headers)).json()["code"] == "site_exists"
    new = {"username": "jiho", "email": "jiho@shop.example", "site_id": "shop-2", "role": "owner"}
    made = await client.post("/api/users", json=new, headers=headers)
    assert made.status_code == 201, made.text

    jiho = Browser(client.app, "jiho")
    assert (await jiho.log_in(made.json()["password"])).status_code == 200
    listed = (await jiho.http.get("/api/sites")).json()["data"]
    assert [(entry["site_id"], entry["members"], entry["devices"]) for entry in listed] == [("shop-2", 1, 0)]


async def test_an_owner_invites_somebody_who_becomes_a_member(client, scene):
    headers = await scene.session_of("owner")
    path = f"/api/sites/{SHOP}/invitations"
    code = (await client.post(path, json={"role": "engineer"}, headers=headers)).json()["invitation"]
    assert code not in (await client.get(path, headers=headers)).text

    account = {"username": "jiho", "email": "jiho@shop.example", "password": PASSWORD, "invitation": code}
    assert (await client.post("/api/auth/register", json=account)).status_code == 201

    listed = (await client.get(f"/api/sites/{SHOP}/members", headers=headers)).json()["data"]
    assert {"jiho": "engineer"}.items() <= {entry["username"]: entry["role"] for entry in listed}.items()


async def test_an_invitation_ends_with_its_makers_rights(client, scene):
    admin, members = await scene.session_of("admin"), f"/api/sites/{SHOP}/members"
    user = f"/api/users/{scene.users['owner']}"
    undone = {
        "closed": (
            ("PATCH", user, {"is_disabled": True}),
            ("PATCH", user, {"is_disabled": False}),
        ),
        "another role": (
            ("POST", members, {"username": "owner", "role": "engineer"}),
            ("POST", members, {"username": "owner", "role": "owner"}),
        ),
        "taken out": (("DELETE", f"{members}/{scene.users['owner']}", None),),
    }
    account = {"username": "jiho", "email": "jiho@shop.example", "password": PASSWORD}
    for why, (undo, *redo) in undone.items():
        headers = await scene.session_of("owner")
        made = await client.post(f"/api/sites/{SHOP}/invitations", json={"role": "owner"}, headers=headers)
        code = made.json()["invitation"]
        assert (await client.request(undo[0], undo[1], json=undo[2], headers=admin)).status_code == 200

        answer = await client.post("/api/auth/register", json=account | {"invitation": code})

        assert (answer.status_code, answer.json()["code"]) == (403, "invitation_refused"), why
        for method, path, body in redo:
            assert (await client.request(method, path, json=body, headers=admin)).status_code == 200


async def test_whoever_gets_another_role_signs_in_again_and_has_it(client, scene):
    viewer = Browser(client.app, "viewer")
    await viewer.log_in()
    before = viewer.token
    headers = await scene.session_of("owner")
    change = {"username": "viewer", "role": "engineer"}

    assert (await client.post(f"/api/sites/{SHOP}/members", json=change, headers=headers)).status_code == 200

    assert (await viewer.verify()).status_code == 401
    sites = (await viewer.log_in()).json()["user"]["sites"]
    assert sites == [{"site_id": SHOP, "role": "engineer"}]
    assert viewer.token != before


async def test_an_owner_brings_nobody_in_who_has_not_accepted_nor_learns_who_exists(client, scene):
    path, headers = f"/api/sites/{SHOP}/members", await scene.session_of("owner")
    victim = Browser(client.app, "admin")
    await victim.log_in()

    for name in ("admin", "stranger", "nothing", "absent"):
        answer = await client.post(path, json={"username": name, "role": "viewer"}, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (404, "member_unknown"), name

    assert (await victim.verify()).status_code == 200
    listed = (await client.get(path, headers=headers)).json()["data"]
    assert {entry["username"]: entry["email"] for entry in listed}["viewer"] is None
    assert "stranger" not in {entry["username"] for entry in listed}


async def test_an_administrator_adds_a_user_who_stays_signed_in_and_has_the_role_at_once(client, scene):
    path, headers = f"/api/sites/{SHOP}/members", await scene.session_of("admin")
    added = Browser(client.app, "nothing")
    await added.log_in()

    new = {"username": "nothing", "role": "viewer"}
    assert (await client.post(path, json=new, headers=headers)).status_code == 200

    assert (await added.verify()).json()["user"]["sites"] == [{"site_id": SHOP, "role": "viewer"}]
    listed = (await client.get(path, headers=headers)).json()["data"]
    assert {entry["username"]: entry["email"] for entry in listed}["nothing"] == "nothing@shop.example"
    absent = await client.post(path, json={"username": "absent", "role": "viewer"}, headers=headers)
    assert absent.json()["code"] == "user_unknown"


async def test_whoever_is_taken_out_sees_nothing_any_more(client, scene):
    headers = await scene.session_of("owner")
    path = f"/api/sites/{SHOP}/members/{scene.users['viewer']}"
    assert (await client.delete(path, headers=headers)).status_code == 200
    assert (await client.delete(path, headers=headers)).json()["code"] == "member_unknown"

    seen = await client.get(f"{READINGS}/{scene.ids['device_id']}", headers=await scene.session_of("viewer"))
    assert seen.status_code == 404


async def test_an_owner_adds_renames_rotates_and_revokes_a_device(client, scene):
    headers = await scene.session_of("owner")
    new = {"device_id": "new-machine", "name": "Cold store"}
    added = await client.post(f"/api/sites/{SHOP}/devices", json=new, headers=headers)
    assert added.status_code == 201, added.text
    again = await client.post(f"/api/sites/{SHOP}/devices", json=new, headers=headers)
    assert again.json()["code"] == "device_exists"
    path, first = "/api/devices/new-machine", added.json()["token"]

    await client.patch(path, json={"name": "Cold store, back"}, headers=headers)
    rotated = await client.post(f"{path}/token", json={"overlap_hours": 1}, headers=headers)
    for token in (first, rotated.json()["token"]):
        (device,) = (await client.get("/api/iot/devices", headers=bearer(token))).json()["data"]
        assert (device["name"], device["site_id"]) == ("Cold store, back", SHOP)
    assert (await client.delete(f"{path}/token", headers=headers)).json()["message"] == "Tokens ended: 2."


async def test_a_device_moves_to_another_site_of_ones_own_alone_with_all_that_it_has(client, scene):
    path = f"/api/devices/{scene.ids['device_id']}"
    move = {"site_id": OTHER_SHOP}
    refused = await client.patch(path, json=move, headers=await scene.session_of("owner"))
    assert (refused.status_code, refused.json()["code"]) == (404, "site_unknown")

    assert (await client.patch(path, json=move, headers=await scene.session_of("admin"))).status_code == 200

    diagnosis = f"/api/diagnoses/{scene.ids['diagnosis_id']}"
    for who, status in (("owner", 404), ("stranger", 200)):
        assert (await client.get(diagnosis, headers=await scene.session_of(who))).status_code == status


async def test_a_closed_account_is_out_and_its_tokens_too_until_it_is_opened(client, scene):
    headers = await scene.session_of("admin")
    path, script = f"/api/users/{scene.users['engineer']}", await scene.script_of("engineer")
    assert (await client.get("/api/sites", headers=script)).status_code == 200

    await client.patch(path, json={"is_disabled": True}, headers=headers)
    assert (await client.get("/api/sites", headers=script)).status_code == 401
    assert (await Browser(client.app, "engineer").log_in()).status_code == 401

    await client.patch(path, json={"is_disabled": False}, headers=headers)
    assert (await client.get("/api/sites", headers=script)).status_code == 200


async def test_the_last_administrator_stays(client, scene):
    headers = await scene.session_of("admin")
    for change in ({"is_disabled": True}, {"is_admin": False}):
        path = f"/api/users/{scene.users['admin']}"
        answer = await client.patch(path, json=change, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (409, "last_administrator")
    assert (await client.get("/api/users", headers=headers)).status_code == 200


async def test_a_reset_password_replaces_the_old_one(client, scene):
    headers = await scene.session_of("admin")
    reset = await client.post(f"/api/users/{scene.users['viewer']}/password", headers=headers)
    viewer = Browser(client.app, "viewer")

    assert (await viewer.log_in()).status_code == 401
    assert (await viewer.log_in(reset.json()["password"])).status_code == 200


async def test_lists_of_users_and_sites_come_in_pages(client, scene):
    headers = await scene.session_of("admin")
    for path, key in (("/api/users", "username"), ("/api/sites", "site_id")):
        whole = [entry[key] for entry in (await client.get(path, headers=headers)).json()["data"]]
        paged, after = [], ""
        while after is not None:
            query = {"limit": 2, "after": after}
            page = (await client.get(path, params=query, headers=headers)).json()
            paged, after = paged + [entry[key] for entry in page["data"]], page["next_after"]
        assert paged == whole
        assert len(whole) >= 3
