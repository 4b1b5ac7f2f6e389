"""The wheel alone, in an environment that has never seen this checkout."""

import os
import subprocess
import sys
import sysconfig
import zipfile
from importlib.metadata import distribution
from pathlib import Path

import httpx
import pytest
from packaging.requirements import Requirement

from tests.conftest import REPOSITORY
from tests.live import free_port, wait_until

SHIPPED = [
    "signalcraft/gunicorn_conf.py",
    "signalcraft/migrations/env.py",
    "signalcraft/diagnosis/model/air_compressor.onnx",
    "signalcraft/diagnosis/model/air_compressor.json",
    "signalcraft/py.typed",
]


def run(*command: str | Path, **options) -> str:
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=100, **options)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "wheel", "--quiet"]
    run(*pip, "--no-deps", "--no-build-isolation", "--no-index", "--wheel-dir", folder, REPOSITORY)
    return next(folder.glob("signalcraft-*.whl"))


@pytest.fixture(scope="module")
def environment(wheel, tmp_path_factory) -> Path:
    """An environment with the wheel; the runtime's packages, and no others, are lent by the one that runs the tests."""
    folder = tmp_path_factory.mktemp("elsewhere") / "venv"
    run(sys.executable, "-m", "venv", "--without-pip", folder)
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", folder / "bin/python"]
    run(*pip, "install", "--quiet", "--no-deps", "--no-index", wheel)
    lent = Path(
        run(folder / "bin/python", "-c", "import sysconfig; print(sysconfig.get_path('purelib'))").strip()
    )
    for name in runtime_packages():
        for top in {file.parts[0] for file in distribution(name).files or [] if file.parts[0] != ".."}:
            if not (lent / top).exists():
                (lent / top).symlink_to(Path(sysconfig.get_path("purelib"), top))
    return folder


def runtime_packages() -> list[str]:
    """The pinned packages that a service needs on this Python."""
    lines = (REPOSITORY / "requirements/runtime.txt").read_text().splitlines()
    pinned = [Requirement(line.rstrip(" \\")) for line in lines if line[:1].isalnum()]
    return [one.name for one in pinned if one.marker is None or one.marker.evaluate()]


def test_it_holds_all_that_the_service_needs(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())
    assert [name for name in SHIPPED if name not in names] == []
    for folder in ("migrations/versions", "web"):
        here = REPOSITORY / "src/signalcraft" / folder
        files = {path for path in here.rglob("*") if path.is_file() and "__pycache__" not in path.parts}
        expected = {str(path.relative_to(REPOSITORY / "src")) for path in files}
        assert expected <= names


def test_installed_alone_it_serves_from_any_folder(environment, tmp_path):
    signalcraft, port = environment / "bin/signalcraft", free_port()
    own = {"PATH": os.defpath, "HOME": str(tmp_path), "SIGNALCRAFT_DATA_DIR": str(tmp_path / "data")}
    options = {"cwd": tmp_path, "env": own}
    where = run(
        environment / "bin/python", "-c", "import signalcraft; print(signalcraft.__file__)", **options
    )
    assert where.startswith(str(environment))

    with (tmp_path / "serve.log").open("wb") as log:
        service = subprocess.Popen(
            [signalcraft, "serve", "--port", str(port)], stdout=log, stderr=log, **options
        )
    try:
        address = f"http://127.0.0.1:{port}"
        wait_until(lambda: service.poll() is not None or _is_ready(address), "ready", 60)
        assert service.poll() is None, (tmp_path / "serve.log").read_text()
        assert httpx.get(f"{address}/docs").status_code == 200
        assert "shop-1" in run(signalcraft, "devices", "add", "shop-1", **options) + run(
            signalcraft, "devices", "list", **options
        )
    finally:
        service.terminate()
        assert service.wait(30) == 0


def _is_ready(address: str) -> bool:
    try:
        return httpx.get(f"{address}/ready", timeout=5).is_success
    except httpx.TransportError:
        return False
