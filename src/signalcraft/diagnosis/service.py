"""The rules of diagnoses: judge a recording, and read back what was found."""

import base64
import binascii
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import perf_counter
from uuid import UUID, uuid4

from sqlalchemy.ext.asyncio import AsyncSession

from signalcraft.baselines.own import OwnNormal
from signalcraft.clips import service as clips
from signalcraft.core.clock import utcnow
from signalcraft.core.errors import Invalid
from signalcraft.core.timestamps import TimestampError, parse_timestamp
from signalcraft.devices.access import Caller
from signalcraft.devices.errors import DeviceIdInvalid
from signalcraft.devices.service import is_device_id
from signalcraft.diagnosis import label_repository, repository
from signalcraft.diagnosis.client import InferenceClient, Watch
from signalcraft.diagnosis.errors import CursorInvalid, DiagnosisUnknown
from signalcraft.diagnosis.explanation import Compared, explain
from signalcraft.diagnosis.judgement import Basis, Judgement
from signalcraft.diagnosis.keeping import ClipProblem
from signalcraft.diagnosis.models import DiagnosisRow


@dataclass(frozen=True, slots=True)
class Seen:
    """A diagnosis as it stands now.

    clip_problem: why its recording is not kept, None where it is. label: the last word of a person on it.
    """

    row: DiagnosisRow
    clip_problem: str | None
    label: str | None = None


@dataclass(frozen=True)
class Recording:
    """Whose recording it is and when it was made."""

    device_id: str | None
    recorded_at: datetime


def recording_of(fields: dict[str, str], caller: Caller, ahead_s: int) -> Recording:
    """Whose recording it is, by the form's text fields and the caller.

    Raises:
        Invalid: `device_id` or `recorded_at` is not valid, or a person names no device.
        OtherDevice: the caller may not speak for that device.
    """
    device_id = fields.get("device_id") or caller.device_id
    if device_id is not None:
        if not is_device_id(device_id):
            raise Invalid(
                errors=[{"field": "device_id", "reason": " ".join((DeviceIdInvalid.__doc__ or "").split())}]
            )
        caller.may_act_as(device_id)
    elif caller.person is not None:
        raise Invalid(errors=[{"field": "device_id", "reason": "Name the device that was recorded"}])
    now = utcnow()
    given = fields.get("recorded_at")
    try:
        recorded_at = parse_timestamp(given, now=now, ahead=timedelta(seconds=ahead_s)) if given else now
    except TimestampError as error:
        raise Invalid(errors=[{"field": "recorded_at", "reason": str(error)}]) from None
    return Recording(device_id, recorded_at)


async def judge(
    inference: InferenceClient,
    file: int,
    recording: Recording,
    *,
    model: Path | None,
    own: OwnNormal | None,
    watch: Watch | None = None,
) -> DiagnosisRow:
    """What the recording in the open file means; not yet kept.

    model: None is the one that is shipped. own: the device's baseline, if it has one. watch: told of the progress; then it
    is tried once only.

    Raises:
        AnalysisBusy: too many recordings are waiting.
        ModelUnavailable: the model can't be loaded.
        ClipUnprocessable: it stopped two inference processes.
        SignalCraftError: one of the audio errors: it is no recording that can be judged.
    """
    started_s = perf_counter()
    judgement = await inference.judge(
        file, model=model, baseline=None if own is None else own.machine, watch=watch
    )
    elapsed_ms = round((perf_counter() - started_s) * 1000, 2)
    return _row(judgement, recording, elapsed_ms, own)


async def find(session: AsyncSession, diagnosis_id: UUID, caller: Caller) -> Seen:
    """A diagnosis that the caller may see.

    Raises:
        DiagnosisUnknown: there is none, or it is another device's.
    """
    row = await repository.find(session, diagnosis_id)
    if row is None or caller.device_id not in (None, row.device_id):
        raise DiagnosisUnknown(diagnosis_id=diagnosis_id)
    return (await _seen(session, [row]))[0]


async def newest(
    session: AsyncSession,
    device_id: str | None,
    cursor: str | None,
    limit: int,
    *,
    sites: frozenset[str] | None = None,
) -> tuple[list[Seen], str | None]:
    """One page of diagnoses, newest first, and the next page's cursor; of a device or of the devices of sites, if given.

    Raises:
        CursorInvalid: the cursor is not one of ours.
    """
    before = None if cursor is None else _position(cursor)
    rows = list(await repository.newest(session, device_id, before, limit + 1, sites=sites))
    page, has_more = rows[:limit], len(rows) > limit
    return await _seen(session, page), _cursor(page[-1]) if has_more else None


async def _seen(session: AsyncSession, rows: Sequence[DiagnosisRow]) -> list[Seen]:
    kept = await clips.kept(session, {row.clip_sha256 for row in rows if row.clip_sha256 is not None})
    labels = await label_repository.current(session, [row.id for row in rows])
    return [Seen(row, _problem_now(row, kept), labels.get(row.id)) for row in rows]


def _problem_now(row: DiagnosisRow, kept: set[str]) -> str | None:
    if row.clip_sha256 is not None and row.clip_sha256 not in kept:
        return ClipProblem.REMOVED
    return row.clip_problem


def _row(
    judgement: Judgement, recording: Recording, elapsed_ms: float, own: OwnNormal | None
) -> DiagnosisRow:
    by_baseline = judgement.basis is Basis.BASELINE
    # What decided the verdict is what it is compared with.
    normal, whose = (
        (own.normal, Compared.DEVICE)
        if own is not None and by_baseline
        else (judgement.normal, Compared.REFERENCE)
    )
    explanation = explain(judgement.verdict, judgement.spectrum_dbfs, normal, whose)
    return DiagnosisRow(
        id=uuid4(),
        device_id=recording.device_id,
        recorded_at=recording.recorded_at,
        verdict=judgement.verdict.value,
        state=judgement.state,
        probabilities=judgement.probabilities,
        confidence=judgement.confidence,
        anomaly_score=judgement.anomaly_score,
        threshold=judgement.threshold,
        message=judgement.message,
        processing_time_ms=elapsed_ms,
        model_name=judgement.model.name,
        model_version=judgement.model.version,
        duration_s=judgement.audio.duration_s,
        sample_rate_hz=judgement.audio.sample_rate_hz,
        channels=judgement.audio.channels,
        peak_dbfs=judgement.audio.peak_dbfs,
        spectrum_dbfs=list(judgement.spectrum_dbfs),
        # With the normal that it was compared with, so that its picture shows the same however that changes.
        explanation=explanation.to_json() | {"normal": normal and asdict(normal)},
        decisive_from_s=judgement.decisive_s[0],
        decisive_to_s=judgement.decisive_s[1],
        basis=judgement.basis.value,
        baseline_version=own.version if own is not None and by_baseline else None,
        deviation=judgement.deviation,
        second_opinion=None if judgement.second_opinion is None else asdict(judgement.second_opinion),
        operating_state=judgement.operating_state,
        # Without a device nothing can be learnt from it.
        embedding=None if recording.device_id is None else judgement.embedding,
        embedding_version=None if recording.device_id is None else judgement.embedding_version,
    )


def _cursor(row: DiagnosisRow) -> str:
    return base64.urlsafe_b64encode(f"{row.created_at.isoformat()}|{row.id}".encode()).decode().rstrip("=")


def _position(cursor: str) -> tuple[datetime, UUID]:
    try:
        text = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode()
        created_at, _, diagnosis_id = text.partition("|")
        instant = datetime.fromisoformat(created_at)
        if instant.tzinfo is None:
            raise CursorInvalid
        return instant.astimezone(UTC), UUID(diagnosis_id)
    except (ValueError, OverflowError, binascii.Error):
        raise CursorInvalid from None
