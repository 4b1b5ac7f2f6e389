"""An inference process: takes recordings from a socket, one at a time, and answers with judgements.

Started by `InferencePool` as `python -m signalcraft.diagnosis.inference ASSIGNMENT`. It loads and warms the model
first and accepts only then, so that a recording never waits for a cold process.
"""

import faulthandler
import json
import os
import resource
import signal
import socket
import struct
import sys
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from time import perf_counter

import numpy as np
import soundfile

from signalcraft.audio.checks import MAX_BYTES
from signalcraft.audio.decode import decode
from signalcraft.audio.errors import ClipRefused
from signalcraft.core.logging import configure_logging, get_logger
from signalcraft.core.processes import die_with_parent
from signalcraft.diagnosis import wire
from signalcraft.diagnosis.board import Board
from signalcraft.diagnosis.card import ModelUnusableError
from signalcraft.diagnosis.engine import Engine
from signalcraft.diagnosis.judgement import Judgement
from signalcraft.diagnosis.learner import learn_from, read_whole, with_embedding

# A client sends its recording in the moment that it connects; one that doesn't must not hold the process.
_PEER_LIMIT_S = 1
# About four times what the longest clip takes; a header that makes a decoder ask for more gets an error instead.
_MEMORY_LIMIT_BYTES = 1024**3

# The active model, the one before it, and the shadow.
_MOST_OTHERS = 3

# Started as the main module, which has no name of its own.
logger = get_logger("signalcraft.diagnosis.inference")


class Engines:
    """The models that this process has loaded; the one that it was started with stays, of the others the last used."""

    def __init__(self, default: Engine) -> None:
        self._default = default
        self._others: OrderedDict[bytes, Engine] = OrderedDict()

    def of(self, model: bytes) -> Engine:
        """The model in the file of this path; nothing is the default.

        Raises:
            ModelUnusableError: it can't be loaded.
        """
        if not model:
            return self._default
        if model not in self._others:
            # The recording that asks first waits for it; loading takes about as long as judging ten seconds.
            self._others[model] = Engine.load(Path(os.fsdecode(model)))
            if len(self._others) > _MOST_OTHERS:
                self._others.popitem(last=False)
        self._others.move_to_end(model)
        return self._others[model]


class InferenceProcess:
    """The loop of one process."""

    def __init__(self, engines: Engines, assignment: wire.Assignment) -> None:
        self._engines = engines
        self._seat = assignment.seat
        self._max_bytes = assignment.max_bytes
        self._board = Board.attach(assignment.board)
        self._listener = socket.socket(fileno=assignment.listener)
        _limit_time(self._listener, assignment.idle_s, socket.SO_RCVTIMEO)

    def run(self) -> None:
        """Serve until killed."""
        while True:
            self._board.beat(self._seat)
            try:
                connection, _ = self._listener.accept()
            except BlockingIOError:
                continue  # Nothing to do: show that this process is alive, and wait on.
            with connection:
                _limit_time(connection, _PEER_LIMIT_S, socket.SO_RCVTIMEO, socket.SO_SNDTIMEO)
                # A client that is gone, or too slow, is its own affair: the next one waits.
                with suppress(ConnectionError, BlockingIOError):
                    self._serve(connection)

    def _serve(self, connection: socket.socket) -> None:
        message, files, _, _ = socket.recv_fds(connection, wire.JOB_BYTES, 2)
        try:
            is_ours = message[:1] in (wire.JOB, wire.WATCHED_JOB, wire.LEARN, wire.PICTURE) and files
            if not is_ours or not wire.is_own_user(connection):
                return
            # Nothing is judged for a client that has given up waiting.
            if not wire.is_gone(connection):
                self._board.beat(self._seat)
                watch = partial(_tell_windows, connection) if message[:1] == wire.WATCHED_JOB else None
                connection.send(self._answer(message, files, watch))
        finally:
            for file in files:
                os.close(file)

    def _answer(self, message: bytes, files: list[int], watch: Callable[[int, int], None] | None) -> bytes:
        try:
            if message == wire.LEARN:
                return wire.LEARNT + learn_from(files[0])
            if message[:1] == wire.PICTURE:
                return self._draw(files[0], files[1], message[1:])
            engine = self._engines.of(message[1:])
            baseline = read_whole(files[1]) if len(files) > 1 else None
            judged = judge(engine, files[0], max_bytes=self._max_bytes, baseline=baseline, watch=watch)
            return wire.JUDGED + judged.to_json()
        except ModelUnusableError as unusable:
            logger.error("model_unusable", reason=str(unusable))  # noqa: TRY400 - it says which file and why
            return wire.NO_MODEL
        except ClipRefused as refused:
            return wire.REFUSED + json.dumps({"code": refused.code, "details": refused.details}).encode()
        except Exception:
            # A fault in judging one recording must not end the process that others wait for.
            logger.exception("inference_failed")
            return wire.FAILED

    def _draw(self, file: int, picture: int, request: bytes) -> bytes:
        # Most processes never draw, so they need not have loaded what it takes.
        from signalcraft.diagnosis.picture import draw  # noqa: PLC0415
        from signalcraft.diagnosis.picture_request import PictureRequest  # noqa: PLC0415

        clip = decode(file, max_bytes=self._max_bytes)
        with os.fdopen(os.dup(picture), "wb") as target:
            target.write(draw(clip, PictureRequest.from_json(request)))
        return wire.DRAWN


def judge(
    engine: Engine,
    file: int,
    *,
    max_bytes: int = MAX_BYTES,
    baseline: bytes | None = None,
    watch: Callable[[int, int], None] | None = None,
) -> Judgement:
    """Decode and judge the recording in the open file `file`, by the device's own baseline where there is one."""
    started_s = perf_counter()
    clip = decode(file, max_bytes=max_bytes)
    judgement = with_embedding(engine.judge(clip, watch=watch), clip.waveform, baseline)
    return replace(judgement, inference_ms=round((perf_counter() - started_s) * 1000, 3))


def _tell_windows(connection: socket.socket, judged: int, windows: int) -> None:
    # News only: whoever does not read it in time, or has gone, must hold nothing up.
    with suppress(ConnectionError, BlockingIOError):
        connection.send(wire.WINDOWS + json.dumps([judged, windows]).encode(), socket.MSG_DONTWAIT)


def warm(engine: Engine) -> None:
    """Judge a second of noise, so that the first recording finds all code loaded and all memory touched."""
    noise = np.random.default_rng(0).normal(0, 0.05, (44_100, 2)).astype(np.float32)
    with os.fdopen(os.memfd_create("warm"), "w+b") as file:
        soundfile.write(file, noise, 44_100, format="FLAC")
        file.flush()
        judge(engine, file.fileno())


def main() -> None:
    """Become an inference process as the command line's assignment says."""
    assignment = wire.Assignment.from_json(sys.argv[1])
    die_with_parent(signal.SIGKILL, parent_pid=assignment.parent_pid)
    os.nice(assignment.nice)
    resource.setrlimit(resource.RLIMIT_DATA, (_MEMORY_LIMIT_BYTES, _MEMORY_LIMIT_BYTES))
    # A decoder that crashes on a made-up file is replaced; a core dump each time would fill the disk.
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    configure_logging("INFO")
    faulthandler.enable(file=sys.stdout)
    try:
        engine = Engine.load(None if assignment.model is None else Path(assignment.model))
    except ModelUnusableError as error:
        logger.critical("model_unusable", reason=str(error))
        sys.exit(1)
    _silence_decoders()
    warm(engine)
    InferenceProcess(Engines(engine), assignment).run()


def _silence_decoders() -> None:
    # libmpg123 writes a line on standard error for every odd frame; whoever sends one would fill the log. What Python
    # itself has to say there is still heard.
    sys.stderr = os.fdopen(os.dup(sys.stderr.fileno()), "w", buffering=1)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    os.close(nowhere)


def _limit_time(connection: socket.socket, limit_s: float, *options: int) -> None:
    # Set in the kernel, not by settimeout(): that would poll, which wakes every idle process for each recording.
    seconds, fraction = divmod(limit_s, 1)
    for option in options:
        connection.setsockopt(
            socket.SOL_SOCKET, option, struct.pack("@ll", int(seconds), int(fraction * 1e6))
        )


if __name__ == "__main__":
    main()
