"""What a running service writes while it is given secrets, right and wrong ones: none of them."""

import json
import re

import httpx

PASSWORD = "a password that nobody else has"


def test_no_log_line_holds_a_password_a_token_or_a_cookie(service):
    made = service.command(
        "users", "add", "logged", "--email", "logged@shop.example", "--role", "admin", "--json"
    )
    first = json.loads(made)["password"]
    secrets = [first, PASSWORD, service.add_device("logged-device")]
    with httpx.Client(base_url=service.address, headers={"Origin": service.address}) as http:
        http.post("/api/auth/login", json={"username": "logged", "password": PASSWORD})
        assert http.post("/api/auth/login", json={"username": "logged", "password": first}).status_code == 200
        secrets += list(http.cookies.values())
        change = {"current_password": first, "new_password": PASSWORD}
        assert http.post("/api/auth/password", json=change).status_code == 200
        secrets += list(http.cookies.values())
        token = http.post("/api/auth/tokens", json={"name": "x", "scopes": ["read"]}).json()["token"]
        code = http.post("/api/sites/default/invitations", json={"role": "viewer"}).json()["invitation"]
        secrets += [token, code]
        for secret in secrets:
            headers = {"Authorization": f"Bearer {secret}"}
            http.get("/api/iot/devices", headers=headers)
            http.post("/api/iot/sensors/data", content=secret, headers=headers)
            # In places where no secret belongs.
            http.get("/api/iot/devices", params={"token": secret, "cursor": secret})
            http.post(
                "/api/auth/register", json={"username": secret, "password": secret, "invitation": secret}
            )
            http.get("/api/auth/verify", headers={"X-Request-ID": "x", "Cookie": f"sessionId={secret}"})

    log = (service.data_dir.parent / "serve.log").read_text()
    # The first start's code is printed for the person at the console, and is void since there is an administrator.
    lines = [line for line in log.splitlines() if line.startswith("{")]
    assert any('"request"' in line for line in lines)
    for line in lines:
        assert not any(secret in line for secret in secrets), line
        assert not re.search(r"sc[dt]_[0-9A-Za-z_-]{20}", line), line
