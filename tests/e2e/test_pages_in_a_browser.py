"""The API's pages in a real Chromium: with their strict policy, and nothing from elsewhere, they still show the API."""

import subprocess

import pytest

from tests.programs import needed

CHROMIUM_FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--enable-logging=stderr",
    # Of the page's own clock: it ends early where nothing is left to do.
    "--virtual-time-budget=15000",
    "--dump-dom",
)
# Redoc's badge at the bottom; the policy keeps it from telling a stranger who reads the page.
REFUSED_ON_PURPOSE = "https://cdn.redoc.ly/redoc/logo-mini.svg"


@pytest.mark.parametrize("page", ["/docs", "/redoc"])
def test_a_page_shows_the_routes_within_its_policy(open_service, tmp_path, page):
    browser = subprocess.run(
        [needed("chromium"), *CHROMIUM_FLAGS, f"--user-data-dir={tmp_path}", f"{open_service.address}{page}"],
        check=True,
        capture_output=True,
        text=True,
        timeout=100,
    )

    for shown in ("/api/iot/sensors/data/batch", "/api/lightweight-analyze"):
        assert shown in browser.stdout
    said = [line for line in browser.stderr.splitlines() if "CONSOLE" in line]
    assert [line for line in said if REFUSED_ON_PURPOSE not in line] == []
