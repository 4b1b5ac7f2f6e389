"""One's own sessions and password."""

from tests.people import PASSWORD, SESSION, Browser

NEW = "another good password"


async def another_browser(client) -> Browser:
    browser = Browser(client.app, "minji", address="192.0.2.2")
    await browser.log_in()
    return browser


async def test_one_sees_where_one_is_signed_in(client, signed_in):
    await another_browser(client)
    listed = (await signed_in.http.get("/api/auth/sessions")).json()

    assert listed["count"] == 2
    assert {entry["address"] for entry in listed["data"]} == {"192.0.2.1", "192.0.2.2"}
    (current,) = [entry for entry in listed["data"] if entry["is_current"]]
    assert current["address"] == "192.0.2.1"
    assert signed_in.token not in str(listed)


async def test_one_ends_one_session_or_all_others(client, signed_in):
    other = await another_browser(client)
    listed = (await signed_in.http.get("/api/auth/sessions")).json()["data"]
    (other_id,) = [entry["session_id"] for entry in listed if not entry["is_current"]]

    assert (await signed_in.http.delete(f"/api/auth/sessions/{other_id}")).status_code == 200
    assert (await other.verify()).status_code == 401
    again = await signed_in.http.delete(f"/api/auth/sessions/{other_id}")
    assert (again.status_code, again.json()["code"]) == (404, "session_unknown")

    await other.log_in()
    assert (await signed_in.http.delete("/api/auth/sessions")).status_code == 200
    assert (await other.verify()).status_code == 401
    assert (await signed_in.verify()).status_code == 200


async def test_a_new_password_ends_all_sessions_and_gives_this_browser_a_new_one(client, signed_in):
    other, before = await another_browser(client), signed_in.token
    change = {"current_password": PASSWORD, "new_password": NEW}

    assert (await signed_in.http.post("/api/auth/password", json=change)).status_code == 200

    assert signed_in.token != before
    assert (await signed_in.verify()).status_code == 200
    assert (await other.verify()).status_code == 401
    signed_in.http.cookies.clear()
    old = await signed_in.http.get("/api/auth/verify", headers={"Cookie": f"{SESSION}={before}"})
    assert old.status_code == 401
    assert (await other.log_in()).status_code == 401
    assert (await other.log_in(NEW)).status_code == 200


async def test_the_password_changes_only_for_whoever_knows_it(signed_in):
    change = {"current_password": "wrong password", "new_password": NEW}
    codes = [(await signed_in.http.post("/api/auth/password", json=change)).json()["code"] for _ in range(6)]

    assert codes == ["password_wrong"] * 5 + ["too_many_failures"]
    assert (await signed_in.verify()).status_code == 200
