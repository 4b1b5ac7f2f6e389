"""The labelled clips of the service as files in the layout of the training corpus."""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from sqlalchemy import RowMapping

from signalcraft.clips import service as clips
from signalcraft.clips.errors import ClipNotKept
from signalcraft.clips.store import ClipStore, open_store
from signalcraft.core.database import Database
from signalcraft.core.operator_error import OperatorError
from signalcraft.diagnosis import label_repository
from signalcraft.settings import get_settings

# What people call the state that the corpus calls healthy.
_STATE_OF = {"normal": "healthy"}
# It says that something is wrong, not what: no class could be learnt from it.
_WITHOUT_STATE = "anomalous"
_FOREIGN = "unknown"


@dataclass(frozen=True, slots=True)
class Exported:
    """How many clips stand in the folder, by state; how many could not be used."""

    by_state: dict[str, int]
    without_state: int
    lost: int

    def __str__(self) -> str:
        counts = ", ".join(f"{count} {state}" for state, count in sorted(self.by_state.items())) or "none"
        return (
            f"Labelled clips: {counts}. Left out: {self.without_state} labelled `anomalous` without a state, "
            f"{self.lost} no longer in the store."
        )


def export_labelled(folder: Path) -> Exported:
    """Write the labelled clips to `folder`/train/<state> and `folder`/background/unknown, as 16 kHz mono FLAC.

    Raises:
        OperatorError: there are none, or the service's database or store can't be used.
    """
    from signalcraft.cli.database import with_database

    store = open_store(get_settings())
    try:
        exported = with_database(lambda database: _export(database, store, folder))
    finally:
        store.close()
    if not exported.by_state:
        raise OperatorError(
            f"{exported} There is nothing to learn from: POST /api/diagnoses/ID/label adds labels."
        )
    return exported


async def _export(database: Database, store: ClipStore, folder: Path) -> Exported:
    async with database.session(read_only=True) as session:
        labelled = await label_repository.labelled_clips(session)
    by_state: Counter[str] = Counter()
    lost = 0
    for number, clip in enumerate(usable := _usable(labelled), start=1):
        state = _STATE_OF.get(clip["label"], clip["label"])
        try:
            async with database.session(read_only=True) as session:
                file = await clips.fetch(session, store, clip["sha256"])
        except ClipNotKept:
            lost += 1
            continue
        with file:
            _write(file, _place(folder, state, number, clip["sha256"]))
        by_state[state] += 1
    (folder / "labels.json").write_text(json.dumps([dict(clip) for clip in usable], default=str, indent=1))
    return Exported(dict(by_state), len(labelled) - len(usable), lost)


def _usable(labelled: Sequence[RowMapping]) -> list[RowMapping]:
    return [clip for clip in labelled if clip["label"] != _WITHOUT_STATE]


def _place(folder: Path, state: str, number: int, sha256: str) -> Path:
    # The corpus reads the reading's number after the last underscore, and a noise's source before it.
    if state == _FOREIGN:
        return folder / "background" / _FOREIGN / f"{sha256[:16]}_{number}.flac"
    return folder / "train" / state / f"labelled_{number}.flac"


def _write(file: BinaryIO, path: Path) -> None:
    import soundfile

    from signalcraft.audio.decode import SAMPLE_RATE_HZ, decode

    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, decode(file.fileno()).waveform.clip(-1, 1), SAMPLE_RATE_HZ, format="FLAC")
