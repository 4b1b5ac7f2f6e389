"""Requests that another site's page makes a browser send."""

from tests.people import PASSWORD, Browser, add_user

REFUSED = [
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "none"},
    {"Sec-Fetch-Site": "cross-site", "Origin": "http://signalcraft.test"},
    {"Origin": "http://evil.example"},
    {"Origin": "null"},
    {"Origin": "http://signalcraft.test.evil.example"},
    {"Origin": "https://signalcraft.test"},
    {"Origin": "http://signalcraft.test:81"},
    {"Referer": "http://signalcraft.test/"},
    {},
]
ACCEPTED = [
    {"Sec-Fetch-Site": "same-origin"},
    {"Sec-Fetch-Site": "same-site"},
    {"Origin": "http://signalcraft.test"},
]


async def test_a_change_from_elsewhere_is_refused(signed_in):
    del signed_in.http.headers["Sec-Fetch-Site"]
    for headers in REFUSED:
        answer = await signed_in.http.post("/api/auth/logout", headers=headers)

        assert (answer.status_code, answer.json()["code"]) == (403, "cross_site_request"), headers
        assert (await signed_in.verify()).status_code == 200


async def test_a_change_from_ones_own_pages_is_made(signed_in):
    del signed_in.http.headers["Sec-Fetch-Site"]
    for headers in ACCEPTED:
        assert (await signed_in.http.delete("/api/auth/sessions", headers=headers)).status_code == 200, (
            headers
        )


async def test_another_site_signs_nobody_in(client, minji):
    """Or it could make people work under an account of its own."""
    del minji.http.headers["Sec-Fetch-Site"]
    credentials = {"username": "minji", "password": PASSWORD}
    from_elsewhere = await minji.http.post(
        "/api/auth/login", json=credentials, headers={"Origin": "http://evil.example"}
    )
    from_a_script = await Browser(client.app).http.post("/api/auth/login", json=credentials)

    assert from_elsewhere.status_code == 403
    assert from_a_script.status_code == 200


async def test_pages_of_an_origin_in_the_settings_may_change_things(running, database):
    await add_user(database, "minji")
    async with running(server={"cors_origins": ["https://app.example"]}) as client:
        minji = Browser(client.app, "minji")
        await minji.log_in()
        del minji.http.headers["Sec-Fetch-Site"]
        for origin, status in (("https://other.example", 403), ("https://app.example", 200)):
            headers = {"Origin": origin, "Sec-Fetch-Site": "cross-site"}
            assert (await minji.http.delete("/api/auth/sessions", headers=headers)).status_code == status
