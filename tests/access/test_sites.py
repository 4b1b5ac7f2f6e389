"""Nobody sees another shop's machines, and scripts do no more than they are for."""

from datetime import timedelta

import pytest

from signalcraft.auth import access_tokens
from tests.access.scene import OTHER_SHOP, bearer

READINGS = "/api/iot/sensors/data"


def reading(device_id: str, timestamp: float = 1732226400.25) -> dict:
    return {
        "device_id": device_id,
        "timestamp": timestamp,
        "temperature": -18.5,
        "vibration": {"x": 0.2, "y": 0.1, "z": 0.3},
        "power_consumption": 45.2,
        "audio_level": 150,
    }


async def test_lists_hold_the_things_of_ones_own_sites_alone(client, scene):
    other, _ = await scene.device(OTHER_SHOP)
    theirs, nobodys = await scene.diagnosis(other), await scene.diagnosis(None)
    mine, own = scene.ids["device_id"], scene.ids["diagnosis_id"]
    seen = {
        "viewer": ({mine}, {own}),
        "stranger": ({other}, {theirs}),
        "nothing": (set(), set()),
        "admin": ({mine, other}, {own, theirs, nobodys}),
    }
    for who, expected in seen.items():
        headers = await scene.session_of(who)
        devices = (await client.get("/api/iot/devices", headers=headers)).json()["data"]
        diagnoses = (await client.get("/api/diagnoses", headers=headers)).json()["data"]

        assert ({d["device_id"] for d in devices}, {d["diagnosis_id"] for d in diagnoses}) == expected, who


async def test_a_device_named_in_the_query_is_looked_at_too(client, scene):
    asked = {"device_id": scene.ids["device_id"]}
    for who, status in (("viewer", 200), ("stranger", 404), ("admin", 200)):
        answer = await client.get("/api/diagnoses", params=asked, headers=await scene.session_of(who))
        assert answer.status_code == status, who


async def test_what_is_not_there_and_what_is_anothers_look_the_same(client, scene):
    headers = await scene.session_of("stranger")
    there = (await client.get(f"{READINGS}/{scene.ids['device_id']}", headers=headers)).json()
    absent = (await client.get(f"{READINGS}/absent", headers=headers)).json()

    assert there["code"] == absent["code"] == "device_unknown"
    assert there["detail"].replace(scene.ids["device_id"], "absent") == absent["detail"]


@pytest.mark.parametrize("path", ["%00", "a%2Fb", "ü", "x" * 65])
async def test_a_name_that_can_name_nothing_is_not_found(client, scene, path):
    answer = await client.get(f"{READINGS}/{path}", headers=await scene.session_of("admin"))

    assert answer.status_code == 404


async def test_a_script_posts_for_the_devices_of_its_users_sites(client, scene):
    mine, (other, _) = scene.ids["device_id"], await scene.device(OTHER_SHOP)
    headers = await scene.script_of("engineer", "ingest")

    assert (await client.post(READINGS, json=reading(mine), headers=headers)).json()["inserted"] == 1
    for device_id in (other, "absent"):
        answer = await client.post(READINGS, json=reading(device_id), headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (404, "device_unknown")
    batch = [reading(mine, 1732226401), reading(other, 1732226401), reading("absent", 1732226401)]
    answer = (await client.post(f"{READINGS}/batch", json=batch, headers=headers)).json()
    assert (answer["inserted"], [rejected["index"] for rejected in answer["rejected"]]) == (1, [1, 2])
    by_admin = await scene.script_of("admin", "ingest")
    assert (await client.post(READINGS, json=reading(other), headers=by_admin)).status_code == 200
    assert (await client.post(READINGS, json=reading("absent"), headers=by_admin)).status_code == 404


async def test_a_script_does_no_more_than_its_scopes_cover(client, scene):
    device_id, diagnosis_id = scene.ids["device_id"], scene.ids["diagnosis_id"]
    asked = {
        "read": ("GET", f"{READINGS}/{device_id}", None),
        "ingest": ("POST", READINGS, reading(device_id)),
        "manage": ("POST", f"/api/diagnoses/{diagnosis_id}/label", {"label": "normal"}),
    }
    for scope in asked:
        headers = await scene.script_of("owner", scope)
        for needed, (method, path, body) in asked.items():
            answer = await client.request(method, path, json=body, headers=headers)
            assert answer.status_code == (200 if needed == scope else 403), (scope, needed, answer.text)
            assert needed == scope or answer.json()["code"] == "scope_missing"


async def test_a_token_ends_and_closed_accounts_have_none(client, scene):
    path = f"{READINGS}/{scene.ids['device_id']}"
    ended = await scene.script_of("owner", life=timedelta(0))
    assert (await client.get(path, headers=ended)).json()["code"] == "token_refused"


async def test_tokens_carry_a_checksum_and_a_wrong_one_is_refused_without_the_database(client, scene):
    token = access_tokens.new_token().secret
    assert access_tokens.is_well_formed(token)
    assert len(token) == 53
    wrong = [
        token[:-1],
        token + "0",
        token[:10] + ("A" if token[10] != "A" else "B") + token[11:],
        "sct_",
        "sct_" + "ü" * 49,
    ]
    assert not any(access_tokens.is_well_formed(mangled) for mangled in wrong)
    for mangled in (*wrong, token):
        headers = {"Authorization": f"Bearer {mangled}".encode()}
        for method, path in (("GET", "/api/iot/devices"), ("POST", READINGS)):
            answer = await client.request(method, path, headers=headers, json={})
            assert (answer.status_code, answer.json()["code"]) == (401, "token_refused")


async def test_a_token_goes_before_a_cookie(client, scene):
    headers = await scene.session_of("admin")
    headers["Authorization"] = bearer(scene.token)["Authorization"]

    listed = (await client.get("/api/iot/devices", headers=headers)).json()
    assert [device["device_id"] for device in listed["data"]] == [scene.ids["device_id"]]


async def test_a_change_by_cookie_needs_to_come_from_the_own_site_here_too(client, scene):
    headers = await scene.session_of("owner")
    headers["Sec-Fetch-Site"] = "cross-site"
    path = f"/api/diagnoses/{scene.ids['diagnosis_id']}/label"

    answer = await client.post(path, json={"label": "normal"}, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (403, "cross_site_request")


@pytest.mark.parametrize("path", ["/api/ai/analyze", "/api/lightweight-analyze"])
async def test_who_is_no_device_names_the_one_that_was_recorded(client, scene, path):
    answer = await client.post(path, files={"audio": b"RIFF"}, headers=await scene.script_of("owner"))

    assert (answer.status_code, answer.json()["code"]) == (422, "invalid")
    assert [problem["field"] for problem in answer.json()["errors"]] == ["device_id"]


async def test_a_persons_word_on_a_recording_is_kept_under_the_persons_name(client, scene):
    path = f"/api/diagnoses/{scene.ids['diagnosis_id']}/label"
    body = {"label": "normal", "by": "somebody else"}
    answer = await client.post(path, json=body, headers=await scene.session_of("engineer"))

    assert answer.status_code == 200, answer.text
    assert "engineer" in answer.text
    assert "somebody else" not in answer.text
