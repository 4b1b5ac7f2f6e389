"""The real recordings that the simulated machines play."""

from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from signalcraft.core.operator_error import OperatorError

CONTENT_TYPE = "audio/flac"


@dataclass(frozen=True)
class Clip:
    """A recording and what really was the matter with the machine."""

    state: str
    name: str
    content: bytes


def load_clips(folder: Path | None = None) -> dict[str, list[Clip]]:
    """The recordings by state, by default those that come with SignalCraft.

    folder: one folder for each state, FLAC files in it.

    Raises:
        OperatorError: there are none.
    """
    source = folder or shipped_clips()
    clips: dict[str, list[Clip]] = {}
    for path in sorted(source.glob("*/*.flac")):
        clips.setdefault(path.parent.name, []).append(Clip(path.parent.name, path.name, path.read_bytes()))
    if not clips:
        raise OperatorError(
            f"There are no recordings in {source}: it needs a folder for each state with FLAC files."
        )
    return clips


def shipped_clips() -> Path:
    """The folder of the recordings that come with SignalCraft.

    In the wheel they lie inside the package, in a checkout at its top.
    """
    package = Path(str(files("signalcraft")))
    inside = package / "samples"
    return inside if inside.is_dir() else package.parents[1] / "samples"
