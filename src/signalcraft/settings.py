"""All settings, in one nested model, read from the environment or `.env`.

Every setting can be given as `SIGNALCRAFT_GROUP__NAME` (`SIGNALCRAFT_INGEST__QUEUE_ROWS=50000`); those that the
outside world already has a name for are also read under that name (`PLAIN_NAMES`).
"""

import os
from collections.abc import Iterator
from difflib import get_close_matches
from enum import StrEnum
from functools import lru_cache
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Any, Final, Literal
from urllib.parse import urlsplit

from dotenv import dotenv_values
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, ValidationError

from signalcraft.core.operator_error import OperatorError

PREFIX: Final = "SIGNALCRAFT_"
# Names that platforms, process managers and people already use, and the setting that each one means.
PLAIN_NAMES: dict[str, tuple[str, ...]] = {
    "DATABASE_URL": ("database", "url"),
    "HOST": ("server", "host"),
    "PORT": ("server", "port"),
    "GUNICORN_WORKERS": ("server", "workers"),
    "GUNICORN_TIMEOUT": ("server", "timeout_s"),
    "GUNICORN_KEEPALIVE": ("server", "keepalive_s"),
    "GUNICORN_GRACEFUL_TIMEOUT": ("server", "graceful_timeout_s"),
    "GUNICORN_MAX_REQUESTS": ("server", "max_requests"),
    "GUNICORN_MAX_REQUESTS_JITTER": ("server", "max_requests_jitter"),
    "GUNICORN_BACKLOG": ("server", "backlog"),
    "REDIS_URL": ("redis", "url"),
    "LOG_LEVEL": ("log", "level"),
    "SIGNALCRAFT_DEVICE_ACCESS": ("devices", "access"),
    "SIGNALCRAFT_DATA_DIR": ("data_dir",),
    # The Gunicorn master tells its workers where the inference processes listen.
    "SIGNALCRAFT_INFERENCE_SOCKET": ("inference", "socket"),
    "SIGNALCRAFT_BACKGROUND_SOCKET": ("inference", "background_socket"),
}


class Registration(StrEnum):
    """Who may make an account."""

    OPEN = "open"
    INVITATION = "invitation"


class DeviceAccess(StrEnum):
    """Whether the device routes need a token."""

    TOKEN = "token"  # noqa: S105 - a mode's name, no secret
    OPEN = "open"


class _Group(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


def _listed(value: object) -> object:
    """A variable's text as the list that it writes with commas."""
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


def _networks(addresses: tuple[str, ...]) -> tuple[str, ...]:
    for address in addresses:
        ip_network(address)  # Raises ValueError, with the reason.
    return addresses


def _origins(origins: tuple[str, ...]) -> tuple[str, ...]:
    """Refuse what no browser ever sends as an origin, above all `*`: answers depend on who asks."""
    for origin in origins:
        parts = urlsplit(origin)
        if parts.scheme not in {"http", "https"} or origin != f"{parts.scheme}://{parts.netloc.lower()}":
            raise ValueError(f"{origin!r} is no origin; write each one whole, as in https://app.example:8443")
    return origins


class ServerSettings(_Group):
    """Gunicorn and its workers."""

    host: str = Field("127.0.0.1", min_length=1, description="Address to listen on.")
    port: int = Field(8000, ge=1, le=65535, description="Port to listen on.")
    workers: int = Field(2, ge=1, le=64, description="Web worker processes.")
    timeout_s: int = Field(120, ge=1, le=3600, description="A worker silent for this long is replaced.")
    keepalive_s: int = Field(5, ge=1, le=300, description="An idle connection is kept this long.")
    graceful_timeout_s: int = Field(20, ge=1, le=600, description="Time for running requests at a stop.")
    max_requests: int = Field(
        0,
        ge=0,
        description="Requests after which a worker is replaced; 0 is never (memory was seen not to grow).",
    )
    max_requests_jitter: int = Field(0, ge=0, description="Spread of max_requests, so workers differ.")
    backlog: int = Field(2048, ge=16, le=65535, description="Connections that may wait to be accepted.")
    trusted_proxies: Annotated[tuple[str, ...], BeforeValidator(_listed), AfterValidator(_networks)] = Field(
        (),
        description="Addresses or networks, by commas, whose X-Forwarded-For and -Proto are believed; none by default.",
    )
    cors_origins: Annotated[tuple[str, ...], BeforeValidator(_listed), AfterValidator(_origins)] = Field(
        (),
        description="Origins, by commas, whose pages may call the API, as in https://app.example; none by default.",
    )


def _postgres_address(url: SecretStr) -> SecretStr:
    """Refuse what is no PostgreSQL address at all; whether it answers is found out by asking it."""
    parts = urlsplit(url.get_secret_value())
    if parts.scheme not in {"postgresql", "postgres"}:
        raise ValueError("it must begin with postgresql://, as in postgresql://user:password@host:port/name")
    if "," not in parts.netloc:
        _ = parts.port  # Raises ValueError where it is no number.
    return url


class DatabaseSettings(_Group):
    """PostgreSQL."""

    url: Annotated[SecretStr, AfterValidator(_postgres_address)] | None = Field(
        None, description="postgresql://user:password@host:port/name; unset: the embedded PostgreSQL."
    )
    pool_size: int = Field(5, ge=1, le=200, description="Connections a worker keeps for requests.")
    pool_timeout_s: float = Field(5.0, gt=0, le=60, description="Wait for a free connection before 503.")
    connect_timeout_s: float = Field(5.0, gt=0, le=60, description="Wait for a new connection before 503.")
    statement_timeout_s: float = Field(20.0, gt=0, le=600, description="A statement is ended after this.")


class IngestSettings(_Group):
    """Readings on their way in."""

    queue_rows: int = Field(
        50_000, ge=1_000, le=10_000_000, description="Rows a worker lets wait before 503."
    )
    commit_rows: int = Field(10_000, ge=100, le=100_000, description="Most rows in one commit.")
    batch_readings: int = Field(10_000, ge=1, le=100_000, description="Most readings in one batch request.")
    batch_bytes: int = Field(8 * 1024**2, ge=1024, description="Largest batch body, unpacked.")
    ahead_s: int = Field(300, ge=0, le=86_400, description="How far a timestamp may lie ahead of now.")


class RetentionSettings(_Group):
    """How long readings are kept, and how often they are rolled up."""

    readings_days: int = Field(3650, ge=1, le=36_500, description="Raw readings older than this are dropped.")
    rollups_days: int = Field(3650, ge=1, le=36_500, description="Rollups older than this are dropped.")
    embeddings_days: int = Field(
        90,
        ge=1,
        le=36_500,
        description="Statistics of recordings that no baseline rests on are dropped after this.",
    )
    rollup_every_s: float = Field(15.0, ge=0.2, le=3600, description="Pause between rollup runs.")
    upkeep_every_s: float = Field(3600.0, ge=1, le=86_400, description="Pause between partition upkeep runs.")


class DeviceSettings(_Group):
    """Devices and their tokens."""

    access: DeviceAccess = Field(DeviceAccess.TOKEN, description="token, or open for a closed network.")
    token_cache_s: float = Field(
        60.0,
        ge=0,
        le=3600,
        description="A worker looks a token up again after this; a revoked one is dropped at once.",
    )
    open_devices_max: int = Field(
        10_000, ge=1, description="Devices that may register themselves in open mode."
    )


class AuthSettings(_Group):
    """Users and their sessions."""

    registration: Registration = Field(
        Registration.OPEN, description="open: anyone may make an account, which sees no site; or invitation."
    )
    users_max: int = Field(10_000, ge=1, description="Accounts beyond which none can be made.")
    session_life_s: int = Field(86_400, ge=60, le=31_536_000, description="A session ends after this.")
    session_idle_s: int = Field(7_200, ge=60, le=31_536_000, description="An unused session ends after this.")
    hash_threads: int = Field(1, ge=1, le=64, description="Threads of a worker that check passwords.")
    hash_queue: int = Field(
        200, ge=1, le=10_000, description="Logins that wait in a worker before it answers 503."
    )


class RedisSettings(_Group):
    """Redis, where several workers or machines share what one alone keeps in memory."""

    url: SecretStr | None = Field(None, description="redis://host:port/number; unset: without Redis.")


class LimitSettings(_Group):
    """What each caller may do; each worker counts for itself. A minute's worth may come at once."""

    readings_a_minute: int = Field(
        60_000, ge=1, description="Readings of a device, also those sent in batches."
    )
    recordings_a_minute: int = Field(600, ge=1, description="Recordings of a device.")
    requests_a_minute: int = Field(1_200, ge=1, description="Other requests of a device or a user.")


class InferenceSettings(_Group):
    """The inference processes."""

    processes: int = Field(2, ge=1, le=64, description="Inference processes, one thread each.")
    max_in_flight: int = Field(
        32, ge=1, le=10_000, description="Recordings a worker lets wait or run before it answers 503."
    )
    time_limit_s: float = Field(10.0, gt=0, le=600, description="Longest time one recording may take.")
    take_limit_s: float = Field(30.0, gt=0, le=600, description="Longest wait for a free process before 503.")
    warm_timeout_s: float = Field(60.0, gt=0, le=600, description="Longest start of the processes.")
    shadow_in_flight: int = Field(
        4, ge=1, le=1000, description="Recordings a worker lets wait for a shadow model; more are left out."
    )
    socket: str | None = Field(None, description="Set by the Gunicorn master for its workers.")
    background_socket: str | None = Field(None, description="Set by the Gunicorn master for its workers.")


class RecordingSettings(_Group):
    """Uploaded recordings."""

    max_bytes: int = Field(10 * 1024**2, ge=1024, description="Largest recording.")
    temp_dir: Path | None = Field(None, description="Where uploads wait; unset: the system's folder.")


class KeptClips(StrEnum):
    """Which judged recordings are kept."""

    ALL = "all"
    SUSPICIOUS = "suspicious"
    NONE = "none"


class ClipSettings(_Group):
    """Recordings that are kept after they were judged."""

    keep: KeptClips = Field(
        KeptClips.ALL, description="all, suspicious (whatever was not judged normal) or none."
    )
    url: str | None = Field(
        None, min_length=1, description="s3://bucket/folder or another fsspec URL; unset: the data folder."
    )
    days: int = Field(
        30, ge=1, le=36_500, description="Clips older than this are removed, but for labelled ones."
    )
    max_bytes: int = Field(
        5 * 1024**3, ge=1024**2, description="The oldest clips go when all together are larger than this."
    )
    min_free_bytes: int = Field(
        512 * 1024**2, ge=0, description="With less room on the data folder's disk no clip is kept."
    )
    timeout_s: float = Field(5.0, gt=0, le=60, description="A store that takes longer is away.")
    upkeep_every_s: float = Field(60.0, ge=1, le=86_400, description="Pause between two looks at the limits.")


class TaskSettings(_Group):
    """Recordings that are judged later."""

    in_flight: int = Field(
        2,
        ge=1,
        le=64,
        description="Tasks a web worker works on at once, beside what is judged synchronously.",
    )
    lease_s: float = Field(
        10.0, ge=1, le=600, description="A task whose process says nothing for so long is taken by another."
    )
    poll_s: float = Field(2.0, ge=0.1, le=60, description="Pause between two looks where no news comes.")
    most_waiting: int = Field(50_000, ge=1, description="Tasks that may wait before 503.")
    most_waiting_per_device: int = Field(10_000, ge=1, description="Of one device, before 429.")
    days: int = Field(30, ge=1, le=36_500, description="Finished tasks are forgotten after this.")
    most_streams: int = Field(200, ge=1, description="Clients of a worker that follow a task by events.")
    stream_s: float = Field(300.0, ge=1, le=86_400, description="Longest such stream; clients come again.")
    batch_recordings: int = Field(100, ge=1, le=500, description="Most recordings in one batch.")
    batch_bytes: int = Field(
        100 * 1024**2, ge=1024, description="Largest batch body, and most that an archive may hold."
    )


class LogSettings(_Group):
    """Logging."""

    level: Annotated[Literal["DEBUG", "INFO", "WARNING", "ERROR"], BeforeValidator(str.upper)] = Field(
        "INFO", description="Least severe level shown: DEBUG, INFO, WARNING or ERROR."
    )


def default_data_dir() -> Path:
    """`$XDG_DATA_HOME/signalcraft`, by default `~/.local/share/signalcraft`."""
    base = os.environ.get("XDG_DATA_HOME") or "~/.local/share"
    return Path(base).expanduser() / "signalcraft"


class Settings(_Group):
    """Everything that can be set."""

    # A `.env` file is read by no shell that would put the home folder in for `~`.
    data_dir: Annotated[Path, AfterValidator(Path.expanduser)] = Field(
        default_factory=default_data_dir,
        description="Folder of the embedded PostgreSQL and of what the service keeps beside it.",
    )
    server: ServerSettings = ServerSettings()
    database: DatabaseSettings = DatabaseSettings()
    ingest: IngestSettings = IngestSettings()
    retention: RetentionSettings = RetentionSettings()
    devices: DeviceSettings = DeviceSettings()
    auth: AuthSettings = AuthSettings()
    redis: RedisSettings = RedisSettings()
    limits: LimitSettings = LimitSettings()
    inference: InferenceSettings = InferenceSettings()
    recordings: RecordingSettings = RecordingSettings()
    clips: ClipSettings = ClipSettings()
    tasks: TaskSettings = TaskSettings()
    log: LogSettings = LogSettings()


class SettingsError(OperatorError):
    """A setting's value is not allowed; the message is one line for the person who set it."""


def given() -> dict[str, str]:
    """The variables that were given, by name; the environment wins over `.env`. Empty ones count as unset."""
    merged = {**dotenv_values(".env"), **os.environ}
    ours = {name: value for name, value in merged.items() if name in PLAIN_NAMES or name.startswith(PREFIX)}
    return {name: value for name, value in ours.items() if value}


def variable_of(path: tuple[str, ...]) -> str:
    """The name of the variable that sets `path`: the one given, else the plain one, else the grouped one."""
    candidates = [plain for plain, target in PLAIN_NAMES.items() if target == path]
    candidates.append(_grouped_name(path))
    present = given()
    return next((name for name in candidates if name in present), candidates[0])


@lru_cache(maxsize=1)
def get_settings() -> Settings:
    """The settings in force.

    Raises:
        SettingsError: a value is not allowed, or a variable that begins with `SIGNALCRAFT_` is no setting.
    """
    try:
        return Settings.model_validate(_nested(given()))
    except ValidationError as refused:
        raise SettingsError(_sentence(refused)) from None


def _path_of(name: str) -> tuple[str, ...]:
    return tuple(name.removeprefix(PREFIX).lower().split("__"))


def _grouped_name(path: tuple[str, ...]) -> str:
    return PREFIX + "__".join(part.upper() for part in path)


def _known_names(group: type[BaseModel] = Settings, path: tuple[str, ...] = ()) -> Iterator[str]:
    """Every variable that sets something."""
    for name, field in group.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from _known_names(field.annotation, (*path, name))
        else:
            yield _grouped_name((*path, name))
    if not path:
        yield from PLAIN_NAMES


def _unknown(name: str) -> str:
    # Without what nearly all of them begin with, or each would be near to each.
    known = {known.removeprefix(PREFIX): known for known in _known_names()}
    near = get_close_matches(name.removeprefix(PREFIX), known, n=1)
    hint = f"did you mean {known[near[0]]}?" if near else "`signalcraft settings` lists them all."
    return f"{name}: there is no such setting; {hint}"


def _nested(values: dict[str, str]) -> dict[str, Any]:
    tree: dict[str, Any] = {}
    # Plain names come last so that DATABASE_URL beats its grouped spelling when somebody sets both.
    for name in sorted(values, key=lambda name: name in PLAIN_NAMES):
        *groups, leaf = PLAIN_NAMES.get(name) or _path_of(name)
        branch = tree
        for group in groups:
            branch = branch.setdefault(group, {})
            if not isinstance(branch, dict):
                # A group was given as if it were a setting: SIGNALCRAFT_LOG=… beside SIGNALCRAFT_LOG__LEVEL.
                raise SettingsError(_unknown(_grouped_name((group,))))
        branch[leaf] = values[name]
    return tree


def _sentence(refused: ValidationError) -> str:
    first = refused.errors()[0]
    path = tuple(str(part) for part in first["loc"])
    name = variable_of(path)
    if first["type"] == "extra_forbidden":
        return _unknown(name)
    shown = "(hidden)" if "url" in path else repr(first["input"])
    reason = first["msg"].removeprefix("Value error, ")
    return f"{name}={shown} is not allowed: {reason[:1].lower()}{reason[1:]}."
