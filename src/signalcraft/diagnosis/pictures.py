"""Pictures of judged recordings: drawn by the background process when they are asked for, the last ones remembered."""

import os
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

from signalcraft.clips import service as clips
from signalcraft.clips.store import ClipStore
from signalcraft.core.database import Database
from signalcraft.diagnosis.client import InferenceClient
from signalcraft.diagnosis.errors import AnalysisBusy
from signalcraft.diagnosis.models import DiagnosisRow
from signalcraft.diagnosis.normal_spectrum import NormalSpectrum
from signalcraft.diagnosis.picture_request import PictureRequest

# About 200 KB each.
_MOST_REMEMBERED = 32
# One process draws, in a fifth of a second each; nobody should wait for more than that.
_MOST_AT_ONCE = 4
_NORMAL_NAMES = {"device": "this device's own normal", "reference": "the reference machine's normal"}


class Pictures:
    """Draws, a bounded number at a time. inference: the way to the background pool."""

    def __init__(self, inference: InferenceClient, store: ClipStore) -> None:
        self._inference = inference
        self._store = store
        self._drawing = 0
        self._remembered: OrderedDict[UUID, bytes] = OrderedDict()

    async def of(self, database: Database, row: DiagnosisRow) -> bytes:
        """The PNG of a diagnosis' recording.

        Raises:
            ClipNotKept: the recording is no longer there.
            ClipStoreUnavailable: the store does not answer.
            AnalysisBusy: too many pictures are being drawn.
        """
        # Asked first: a picture must not outlive its recording.
        async with database.session(read_only=True) as session:
            await clips.require_kept(session, row.clip_sha256)
        if row.id not in self._remembered:
            with self._one_more():
                self._remembered[row.id] = await self._draw(database, row)
            while len(self._remembered) > _MOST_REMEMBERED:
                self._remembered.popitem(last=False)
        self._remembered.move_to_end(row.id)
        return self._remembered[row.id]

    async def _draw(self, database: Database, row: DiagnosisRow) -> bytes:
        async with database.session(read_only=True) as session:
            clip = await clips.fetch(session, self._store, row.clip_sha256)
        # No connection is held while the picture waits for its turn.
        with clip:
            picture = os.memfd_create("picture")
            try:
                await self._inference.draw(clip.fileno(), picture, request_of(row))
                return os.pread(picture, os.fstat(picture).st_size, 0)
            finally:
                os.close(picture)

    @contextmanager
    def _one_more(self) -> Iterator[None]:
        if self._drawing >= _MOST_AT_ONCE:
            raise AnalysisBusy
        self._drawing += 1
        try:
            yield
        finally:
            self._drawing -= 1


def request_of(row: DiagnosisRow) -> PictureRequest:
    """What the picture of a diagnosis shows."""
    told = row.explanation or {"bands": [], "normal": None, "compared_with": None}
    # What was not compared is not drawn beside it either.
    normal = told["normal"] if told["compared_with"] in _NORMAL_NAMES else None
    state = f", {row.state.replace('_', ' ')}" if row.state and row.state != row.verdict else ""
    start_s, end_s = row.decisive_from_s, row.decisive_to_s
    return PictureRequest(
        title=f"{row.device_id or 'no device'}: {row.verdict}{state} ({100 * row.confidence:.0f} %)",
        subtitle=f"recorded {row.recorded_at:%Y-%m-%d %H:%M:%S} UTC; {row.model_name} {row.model_version}",
        normal_name=_NORMAL_NAMES.get(told["compared_with"], ""),
        normal=normal and NormalSpectrum(tuple(normal["mean_db"]), tuple(normal["spread_db"])),
        bands=tuple((band["from_hz"], band["to_hz"], band["difference_db"]) for band in told["bands"]),
        decisive_s=None if start_s is None or end_s is None else (start_s, end_s),
    )
