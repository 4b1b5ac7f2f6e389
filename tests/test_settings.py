"""Settings: where they come from, and what a wrong one says."""

import pytest

from signalcraft.settings import Settings, SettingsError, get_settings


@pytest.fixture(autouse=True)
def _fresh(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    get_settings.cache_clear()
    yield
    get_settings.cache_clear()


def test_defaults_hold_where_nothing_is_set():
    assert get_settings() == Settings()
    assert (get_settings().server.host, get_settings().server.port) == ("127.0.0.1", 8000)


@pytest.mark.parametrize("name", ["PORT", "SIGNALCRAFT_SERVER__PORT"])
def test_a_setting_has_a_plain_and_a_grouped_name(monkeypatch, name):
    monkeypatch.setenv(name, "8123")

    assert get_settings().server.port == 8123


def test_the_environment_wins_over_the_env_file(monkeypatch, tmp_path):
    (tmp_path / ".env").write_text("PORT=8001\nGUNICORN_WORKERS=3\n")
    monkeypatch.setenv("PORT", "8002")

    assert (get_settings().server.port, get_settings().server.workers) == (8002, 3)


def test_an_empty_variable_counts_as_unset(monkeypatch):
    monkeypatch.setenv("PORT", "")

    assert get_settings().server.port == 8000


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("PORT", "abc", "PORT='abc' is not allowed: input should be a valid integer"),
        ("PORT", "70000", "PORT='70000' is not allowed: input should be less than or equal to 65535"),
        ("SIGNALCRAFT_DEVICE_ACCESS", "opne", "'token' or 'open'"),
        ("SIGNALCRAFT_INGEST__QUEUE_ROWS", "0", "SIGNALCRAFT_INGEST__QUEUE_ROWS='0'"),
        ("SIGNALCRAFT_SERVER__CORS_ORIGINS", "*", "'*' is no origin"),
        ("SIGNALCRAFT_SERVER__CORS_ORIGINS", "https://app.example/", "write each one whole"),
        ("SIGNALCRAFT_SERVER__TRUSTED_PROXIES", "127.0.0.1, nginx", "'nginx' does not appear to be"),
        (
            "SIGNALCRAFT_INGEST__QUEUE_ROWZ",
            "10000",
            "SIGNALCRAFT_INGEST__QUEUE_ROWZ: there is no such setting; did you mean SIGNALCRAFT_INGEST__QUEUE_ROWS?",
        ),
        (
            "SIGNALCRAFT_DATADIR",
            "/srv",
            "SIGNALCRAFT_DATADIR: there is no such setting; did you mean SIGNALCRAFT_DATA_DIR?",
        ),
        ("SIGNALCRAFT_DEVICE_ACESS", "open", "did you mean SIGNALCRAFT_DEVICE_ACCESS?"),
        ("SIGNALCRAFT_DATABASE_URL", "postgresql://db/name", "did you mean DATABASE_URL?"),
        (
            "SIGNALCRAFT_XYZZY",
            "1",
            "SIGNALCRAFT_XYZZY: there is no such setting; `signalcraft settings` lists them all.",
        ),
    ],
)
def test_a_wrong_value_is_named_in_one_line(monkeypatch, name, value, said):
    monkeypatch.setenv(name, value)

    with pytest.raises(SettingsError) as refused:
        get_settings()

    assert said in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_tilde_in_the_env_file_is_the_home_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", "/home/somebody")
    (tmp_path / ".env").write_text("SIGNALCRAFT_DATA_DIR=~/signals\n")

    assert str(get_settings().data_dir) == "/home/somebody/signals"


def test_a_password_is_not_shown(monkeypatch):
    monkeypatch.setenv("DATABASE_URL", "postgresql://user:secret@db/name")

    assert "secret" not in repr(get_settings())


def test_a_group_is_no_setting_of_its_own(monkeypatch):
    monkeypatch.setenv("SIGNALCRAFT_LOG", "DEBUG")
    monkeypatch.setenv("SIGNALCRAFT_LOG__LEVEL", "DEBUG")

    with pytest.raises(SettingsError, match="SIGNALCRAFT_LOG: there is no such setting"):
        get_settings()


def test_a_misspelt_name_in_the_env_file_is_refused_too(tmp_path):
    (tmp_path / ".env").write_text("SIGNALCRAFT_DATADIR=/srv\n")

    with pytest.raises(SettingsError, match="SIGNALCRAFT_DATA_DIR"):
        get_settings()
