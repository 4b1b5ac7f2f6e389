"""Bodies within their bound, plain and packed."""

import gzip
import tracemalloc
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import Request

from signalcraft.core.errors import BodyTooLarge
from signalcraft.telemetry.body import read_body
from signalcraft.telemetry.errors import BodyIncomplete, EncodingUnsupported, GzipBroken

LIMIT_BYTES = 10_000


def request(parts: list[bytes], encoding: str | None = None, *, ends: bool = True) -> Request:
    """A request whose body arrives in these parts; without an end the client goes away."""
    messages = [{"type": "http.request", "body": part, "more_body": True} for part in parts]
    messages.append({"type": "http.request", "body": b""} if ends else {"type": "http.disconnect"})
    headers = [] if encoding is None else [(b"content-encoding", encoding.encode())]

    async def receive():
        return messages.pop(0)

    return Request({"type": "http", "headers": headers}, receive)


def in_parts(body: bytes, size: int) -> list[bytes]:
    return [body[start : start + size] for start in range(0, len(body), size)]


@given(
    st.binary(max_size=2000),
    st.integers(1, 500),
    st.sampled_from([None, "identity", "gzip", "GZIP", "x-gzip"]),
)
async def test_a_body_comes_through_in_any_parts(body, size, encoding):
    is_packed = encoding is not None and "gzip" in encoding.lower()
    sent = gzip.compress(body) if is_packed else body

    assert await read_body(request(in_parts(sent, size), encoding), LIMIT_BYTES) == body


@pytest.mark.parametrize("encoding", [None, "gzip"])
async def test_the_limit_is_the_last_length_that_passes(encoding):
    for length in (LIMIT_BYTES, LIMIT_BYTES + 1):
        body = b"x" * length
        sent = request(in_parts(gzip.compress(body) if encoding else body, 100), encoding)
        if length == LIMIT_BYTES:
            assert await read_body(sent, LIMIT_BYTES) == body
        else:
            with pytest.raises(BodyTooLarge):
                await read_body(sent, LIMIT_BYTES)


async def test_a_gzip_bomb_is_refused_before_it_is_unpacked():
    bomb = gzip.compress(b"0" * 100_000_000)
    tracemalloc.start()
    with pytest.raises(BodyTooLarge):
        await read_body(request(in_parts(bomb, 50_000), "gzip"), 1_000_000)
    peak_bytes = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert peak_bytes < 5_000_000


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"no gzip",
        gzip.compress(b"cut short")[:-3],
        gzip.compress(b"wrong sum")[:-8] + bytes(8),
        gzip.compress(b"one") + gzip.compress(b"another"),
        gzip.compress(b"padded") + bytes(10),
        zlib.compress(b"zlib"),
    ],
    ids=["empty", "no gzip", "cut short", "wrong sum", "two streams", "padded", "zlib"],
)
async def test_broken_gzip_is_said_to_be_broken(body):
    with pytest.raises(GzipBroken):
        await read_body(request(in_parts(body, 7), "gzip"), LIMIT_BYTES)


@pytest.mark.parametrize("encoding", ["br", "deflate", "gzip, gzip"])
async def test_other_encodings_are_refused(encoding):
    with pytest.raises(EncodingUnsupported):
        await read_body(request([b"{}"], encoding), LIMIT_BYTES)


async def test_a_client_that_goes_away_has_sent_nothing():
    with pytest.raises(BodyIncomplete):
        await read_body(request([b'{"device_id":'], ends=False), LIMIT_BYTES)
