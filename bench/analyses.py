"""Recordings judged: over HTTP against what bounds it.

* analyses a second over HTTP (3 s clips, 16 clients) ÷ a bare loop of decoding and inference in two processes

Both sides run in turns, in one run; the ratio is that of the medians. In one more turn `/health` is asked as well.
"""

import asyncio
import io
import itertools
import multiprocessing
import os
import statistics
import struct
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import soundfile

import load
from ingest import Ratio, must_be_answered
from servers import REPOSITORY, gunicorn
from signalcraft.core.database import Database
from signalcraft.devices import service as devices
from signalcraft.diagnosis.engine import Engine
from signalcraft.diagnosis.inference import judge, warm
from signalcraft.settings import DatabaseSettings

CLIENTS = 16
PROCESSES = 2
TURNS = 3
TURN_S = 5.0
CLIP_S = 3
PATH = "/api/lightweight-analyze"
HEALTH = b"GET /health HTTP/1.1\r\nHost: bench\r\n\r\n"


def clip() -> bytes:
    """Three seconds of a real recording, as the sensors send it: WAV, 16 bits, 16 kHz."""
    source = min((REPOSITORY / "samples" / "bearing").glob("*.flac"))
    samples, sample_rate_hz = soundfile.read(source)
    file = io.BytesIO()
    whole = [*samples, *samples][: CLIP_S * sample_rate_hz]
    soundfile.write(file, whole, sample_rate_hz, format="WAV", subtype="PCM_16")
    return file.getvalue()


def uploads(recording: bytes, tokens: list[str], client: int) -> Iterator[bytes]:
    """Endless uploads of a recording whose last two samples are always others, so that each is stored."""
    boundary = "bench-boundary"
    part = (
        f'--{boundary}\r\nContent-Disposition: form-data; name="audio"; filename="clip.wav"\r\n\r\n'.encode()
    )
    end = f"\r\n--{boundary}--\r\n".encode()
    headers = {
        "Authorization": f"Bearer {tokens[client]}",
        "Content-Type": f"multipart/form-data; boundary={boundary}",
    }
    for number in itertools.count(client, CLIENTS):
        marked = recording[:-4] + struct.pack("<hh", number % 1000, number // 1000 % 1000)
        yield load.post(PATH, part + marked + end, headers)


def health_checks(_client: int) -> Iterator[bytes]:
    return itertools.repeat(HEALTH)


def judged_in_a_loop(path: str, duration_s: float) -> float:
    """Recordings that one process decodes and judges a second, with nothing around it."""
    engine = Engine.load()
    warm(engine)
    file = os.open(path, os.O_RDONLY)
    count, started_s = 0, time.monotonic()
    while time.monotonic() - started_s < duration_s:
        judge(engine, file)
        count += 1
    return count / (time.monotonic() - started_s)


def bare_per_s(path: str) -> float:
    # As the pool starts its processes.
    os.environ["OPENBLAS_NUM_THREADS"] = "1"
    with multiprocessing.get_context("spawn").Pool(PROCESSES) as pool:
        return sum(pool.starmap(judged_in_a_loop, [(path, TURN_S)] * PROCESSES))


async def tokens_of(url: str) -> list[str]:
    database = Database(url, DatabaseSettings())
    tokens = []
    for client in range(CLIENTS):
        async with database.session() as session:
            tokens.append((await devices.add_device(session, f"ears-{client}", None)).secret)
    await database.close()
    return tokens


def measure(url: str) -> list[Ratio]:
    """The ratio, and how quickly `/health` answers meanwhile."""
    recording = clip()
    ours, bare = [], []
    with (
        tempfile.NamedTemporaryFile(suffix=".wav") as file,
        gunicorn(
            "signalcraft.app:app", "-c", "gunicorn.conf.py", health="/ready", DATABASE_URL=url
        ) as address,
        ThreadPoolExecutor() as threads,
    ):
        file.write(recording)
        file.flush()
        tokens = asyncio.run(tokens_of(url))
        post = partial(
            load.run, address, partial(uploads, recording, tokens), clients=CLIENTS, duration_s=TURN_S
        )
        for _ in range(TURNS):
            run = post()
            must_be_answered(run)
            ours.append(run.per_s)
            bare.append(bare_per_s(file.name))
        # In a turn of its own, which does not count: a client that asks without a pause takes a core for itself.
        asked = threads.submit(load.run, address, health_checks, clients=1, duration_s=TURN_S)
        must_be_answered(post())
        notes = (
            f"p50 {run.percentile_ms(0.5):.1f} ms; /health p99 {asked.result().percentile_ms(0.99):.1f} ms"
        )
    median = statistics.median
    return [Ratio("analyses, 3 s clips ÷ bare loop, 2 processes", median(ours), median(bare), 0.7, notes)]
