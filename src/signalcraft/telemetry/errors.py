"""What can go wrong with readings."""

from signalcraft.core.errors import BadRequest, Invalid, TryAgain


class ReadingInvalid(Invalid):
    """The reading is not valid; `errors` names the field and the reason. Nothing was stored."""

    code = "reading_invalid"


class AllReadingsInvalid(Invalid):
    """None of the readings is valid, so nothing was stored; `errors` names the index, the field and the reason."""

    code = "all_readings_invalid"


class TooManyReadings(BadRequest):
    """There are more than {limit} readings in the request; send them in several."""

    status, code = 413, "too_many_readings"


class BodyMalformed(BadRequest):
    """The body is not JSON as it should be: {reason}."""

    code = "body_malformed"


class BodyIncomplete(BadRequest):
    """The connection ended before the whole body had arrived; send it again."""

    code = "body_incomplete"


class GzipBroken(BadRequest):
    """The body says that it is gzip and is not, or not wholly: {reason}."""

    code = "gzip_broken"


class EncodingUnsupported(BadRequest):
    """A body may be sent plain or with `Content-Encoding: gzip`, in no other encoding."""

    status, code = 415, "encoding_unsupported"


class RangeInvalid(Invalid):
    """The range or the page that was asked for is not valid; `errors` names the parameter and the reason."""

    code = "range_invalid"


class IngestBusy(TryAgain):
    """Too many readings wait to be stored; send the same request again in a moment."""

    code = "ingest_busy"


class PartitionInUse(TryAgain):
    """A long query reads the month that is to be dropped; it is dropped later."""

    code = "partition_in_use"
