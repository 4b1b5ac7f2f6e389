"""Why there is no diagnosis; why the recording itself is refused is told by `signalcraft.audio.errors`.

BadRequest
├── UploadMalformed, AudioFieldMissing, UploadBroken   the request that carries the recording
├── ClipUnprocessable                                  the recording, as the inference processes found out
├── CursorInvalid
├── LabelsFull
└── DiagnosisUnknown
TryAgain (503)
├── ModelUnavailable
├── AnalysisAway
└── AnalysisBusy
SignalCraftError (500)
└── AnalysisError
"""

from signalcraft.audio.errors import ClipTooLarge
from signalcraft.core.errors import BadRequest, Invalid, NotFound, SignalCraftError, TryAgain

__all__ = [
    "AnalysisAway",
    "AnalysisBusy",
    "AnalysisError",
    "AudioFieldMissing",
    "ClipTooLarge",
    "ClipUnprocessable",
    "CursorInvalid",
    "DiagnosisUnknown",
    "LabelsFull",
    "ModelUnavailable",
    "UploadBroken",
    "UploadMalformed",
]


class UploadMalformed(BadRequest):
    """The request is no multipart/form-data with one file `audio`: {reason}."""

    code = "upload_malformed"


class UploadBroken(BadRequest):
    """The connection ended before all of the recording had arrived; send it again."""

    code = "upload_broken"


class AudioFieldMissing(Invalid):
    """The form has no file named `audio`; send the recording under that name."""

    code = "audio_field_missing"


class ClipUnprocessable(Invalid):
    """The recording can't be processed: decoding or judging it failed or took too long, twice. Record it again."""

    code = "clip_unprocessable"


class CursorInvalid(Invalid):
    """The cursor is not one that was given as `next_cursor`; start again without it."""

    code = "cursor_invalid"


class DiagnosisUnknown(NotFound):
    """There is no diagnosis {diagnosis_id}."""

    code = "diagnosis_unknown"


class LabelsFull(BadRequest):
    """This diagnosis has {limit} labels already; no more are taken."""

    status, code = 409, "labels_full"


class AnalysisBusy(TryAgain):
    """All inference processes are busy; send the same recording again in a moment."""

    code = "analysis_busy"
    retry_after_s = 2


class AnalysisAway(TryAgain):
    """No inference process is ready at the moment (`/health` tells more); send the same recording again later."""

    code = "analysis_away"
    retry_after_s = 5


class ModelUnavailable(TryAgain):
    """The model that is to judge is not there on this machine at the moment; send the same recording again."""

    code = "model_unavailable"
    retry_after_s = 5


class AnalysisError(SignalCraftError):
    """A fault inside SignalCraft kept the recording from being judged. Quote the `request_id` when you report it."""

    code = "analysis_error"
