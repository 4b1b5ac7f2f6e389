"""`signalcraft users` and `signalcraft sites`, on a database without a service."""

import json
import os
import re
import subprocess
import sys

import pytest

from tests.people import Browser


@pytest.fixture
def signalcraft(database_url, tmp_path):
    def run(*arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "signalcraft", *arguments],
            env={**os.environ, "DATABASE_URL": database_url},
            cwd=tmp_path,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    return run


async def test_people_are_made_listed_mended_and_closed(signalcraft, client):
    assert signalcraft("sites", "add", "shop-2", "--name", "Shop 2").returncode == 0
    made = signalcraft(
        "users", "add", "minji", "--email", "minji@shop.example", "--role", "owner", "--site", "shop-2"
    )
    minji = Browser(client.app, "minji")
    answer = await minji.log_in(made.stdout.strip())
    assert answer.json()["user"]["sites"] == [{"site_id": "shop-2", "role": "owner"}]

    reset = signalcraft(
        "users", "reset-password", "minji", "--password-stdin", stdin="another good password\n"
    )
    assert "another good password" not in reset.stdout + reset.stderr
    assert (await minji.verify()).status_code == 401
    assert (await minji.log_in("another good password")).status_code == 200

    changed = signalcraft("sites", "members", "shop-2", "--set", "minji=viewer", "--json")
    assert [member["role"] for member in json.loads(changed.stdout)] == ["viewer"]
    assert signalcraft("users", "disable", "minji").returncode == 0
    assert (await minji.log_in("another good password")).status_code == 401
    (listed,) = json.loads(signalcraft("users", "list", "--json").stdout)
    assert (listed["username"], listed["is_disabled"]) == ("minji", True)
    assert "username_key" not in listed


async def test_for_scripts_times_are_those_of_the_api_and_an_empty_list_is_one(signalcraft):
    signalcraft("users", "add", "boss", "--email", "boss@shop.example", "--role", "admin")

    (listed,) = json.loads(signalcraft("users", "list", "--json").stdout)

    assert listed["roles"] == []
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z", listed["created_at"])


def test_what_cannot_be_is_said_in_one_line(signalcraft):
    email = ("--email", "minji@shop.example")
    for arguments, said in (
        (("users", "add", "minji", *email, "--role", "owner", "--site", "absent"), "no site absent"),
        (("users", "add", "a@b", *email, "--role", "admin"), "username: String should match"),
        (("users", "disable", "absent"), "no such user"),
        (("sites", "add", "Shop 2"), "small letters"),
        (("sites", "members", "default", "--set", "minji"), "USERNAME=owner"),
    ):
        refused = signalcraft(*arguments)
        assert (refused.returncode, refused.stderr.count("\n")) == (1, 1), refused
        assert said in refused.stderr
