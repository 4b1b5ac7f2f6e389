"""A web worker's way to the inference processes."""

import asyncio
import errno
import json
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic

from signalcraft.audio.errors import refusal
from signalcraft.core.logging import get_logger
from signalcraft.diagnosis import wire
from signalcraft.diagnosis.errors import (
    AnalysisAway,
    AnalysisBusy,
    AnalysisError,
    ClipUnprocessable,
    ModelUnavailable,
)
from signalcraft.diagnosis.judgement import Judgement
from signalcraft.diagnosis.learning import LearningTask, Learnt
from signalcraft.diagnosis.picture_request import PictureRequest

# A recording whose process ended is tried once more: the process may have died of something else.
_TRIES = 2
# The pool kills a process that hangs, soon after the limit. This is for a pool that no longer does.
_KILL_MARGIN_S = 2.0
_STATUS_LIMIT_S = 1.0
# A process that ended is replaced sooner, and a recording waits for that. Without any for longer than this, none waits.
_REPLACED_WITHIN_S = 5.0
# The pool goes at the moment, no room in its queue, or no descriptors left (the kernel holds as many passed files as a user
# may have open). All of it passes.
_PASSING = {
    errno.ECONNRESET,
    errno.EPIPE,
    errno.EAGAIN,
    errno.ETOOMANYREFS,
    errno.EMFILE,
    errno.ENFILE,
    errno.ENOBUFS,
}

# Told how many windows of a recording are judged, and how many there are.
Watch = Callable[[int, int], None]

logger = get_logger(__name__)


class InferenceClient:
    """Hands recordings to the pool's processes, a bounded number at a time.

    socket_path: the pool's `address`. max_in_flight: recordings that may wait or run. take_limit_s: longest wait
    for a free process. time_limit_s: longest time that one may work on a recording, as the pool enforces it.
    """

    def __init__(
        self, socket_path: str, *, max_in_flight: int, time_limit_s: float, take_limit_s: float
    ) -> None:
        self._address = socket_path
        self._max_in_flight = max_in_flight
        self._time_limit_s = time_limit_s
        self._take_limit_s = take_limit_s
        self._in_flight = 0
        # Since when `ready_processes`, which the heartbeat asks once a second, has found none.
        self._away_since_s: float | None = None

    @property
    def in_flight(self) -> int:
        """Recordings that wait or run."""
        return self._in_flight

    async def judge(
        self,
        file: int,
        *,
        model: Path | None = None,
        baseline: bytes | None = None,
        watch: Watch | None = None,
    ) -> Judgement:
        """The verdict on the recording in the open file `file`, which is read from its beginning, whatever its position.

        model: the ONNX file that judges; None is the one that the pool was started with. baseline: the device's own
        normal, as `learn` gave it; the verdict then comes from it. watch: told how many windows are judged, and of how
        many. Whoever watches counts the tries as well: then there is one.

        Raises:
            ClipRefused: the recording can't be judged; the subclass says why.
            ClipUnprocessable: it ended two processes, or took too long twice; where it is watched, once.
            AnalysisBusy: too many recordings wait, or none was taken in time.
            AnalysisAway: no process has been ready for some seconds.
            ModelUnavailable: the process can't load the model.
            AnalysisError: a fault in SignalCraft, which the process has logged.
        """
        job = wire.JOB if watch is None else wire.WATCHED_JOB
        message = job + (b"" if model is None else os.fsencode(model))
        if baseline is None:
            return _read(await self._answer(message, file, watch=watch))
        with _in_memory(baseline) as second:
            return _read(await self._answer(message, file, second, watch=watch))

    async def learn(self, task: LearningTask) -> Learnt:
        """A baseline from a device's clips.

        Raises:
            AnalysisBusy: too many recordings wait, or none was taken in time.
            AnalysisAway: no process has been ready for some seconds.
            ClipUnprocessable: it ended two processes, or took too long twice.
            AnalysisError: a fault in SignalCraft, which the process has logged.
        """
        with _in_memory(task.to_bytes()) as file:
            answer = await self._answer(wire.LEARN, file)
            if answer[:1] != wire.LEARNT:
                raise AnalysisError
            return Learnt.of(answer[1:], os.pread(file, os.fstat(file).st_size, 0))

    async def draw(self, file: int, picture: int, request: PictureRequest) -> None:
        """Draw the recording in the open file `file` into the open file `picture`, as a PNG.

        Raises:
            ClipRefused: it is no recording that can be decoded.
            ClipUnprocessable: it ended two processes, or took too long twice.
            AnalysisBusy: too much waits, or none was taken in time.
            AnalysisAway: no process has been ready for some seconds.
            AnalysisError: a fault in SignalCraft, which the process has logged.
        """
        answer = await self._answer(wire.PICTURE + request.to_json(), file, picture)
        if answer != wire.DRAWN:
            _read(answer)

    async def _answer(self, message: bytes, *files: int, watch: Watch | None = None) -> bytes:
        if self._in_flight >= self._max_in_flight:
            raise AnalysisBusy
        if self._is_long_away() and not await self.ready_processes():
            raise AnalysisAway
        self._in_flight += 1
        try:
            for _ in range(_TRIES if watch is None else 1):
                answer = await self._ask(message, files, watch)
                if answer:
                    return answer
                logger.warning("inference_process_lost")
        finally:
            self._in_flight -= 1
        raise ClipUnprocessable

    async def ready_processes(self) -> int:
        """How many inference processes are warmed and alive; 0 if there is no pool."""
        try:
            with wire.connect(wire.status_address(self._address)) as connection:
                async with asyncio.timeout(_STATUS_LIMIT_S):
                    ready = int(await _receive(connection) or 0)
        except (OSError, TimeoutError):
            ready = 0
        if ready:
            self._away_since_s = None
        elif self._away_since_s is None:
            self._away_since_s = monotonic()
        return ready

    def _is_long_away(self) -> bool:
        return self._away_since_s is not None and monotonic() - self._away_since_s > _REPLACED_WITHIN_S

    async def _ask(self, message: bytes, files: tuple[int, ...], watch: Watch | None) -> bytes:
        """A process's answer; empty if it ended before."""
        with self._hand_over(message, files) as connection:
            try:
                async with asyncio.timeout(self._take_limit_s):
                    answer = await _receive(connection)
            except TimeoutError:
                if not wire.is_taken(connection):
                    raise (AnalysisBusy if await self.ready_processes() else AnalysisAway) from None
                answer = b""
            else:
                if watch is None or answer[:1] != wire.WINDOWS:
                    return answer
            try:
                async with asyncio.timeout(self._time_limit_s + _KILL_MARGIN_S):
                    return await _last(connection, answer, watch)
            except TimeoutError:
                logger.warning("inference_process_not_ended", limit_s=self._time_limit_s)
                return b""

    def _hand_over(self, message: bytes, files: tuple[int, ...]) -> socket.socket:
        try:
            connection = wire.connect(self._address)
            try:
                socket.send_fds(connection, [message], files)
            except OSError:
                connection.close()
                raise
        except OSError as error:
            if error.errno == errno.ECONNREFUSED:
                raise AnalysisAway from error
            if error.errno in _PASSING:
                raise AnalysisBusy from error
            raise
        return connection


@contextmanager
def _in_memory(content: bytes) -> Iterator[int]:
    """The content as an open file without a name."""
    file = os.memfd_create("signalcraft")
    try:
        os.write(file, content)
        yield file
    finally:
        os.close(file)


async def _last(connection: socket.socket, answer: bytes, watch: Watch | None) -> bytes:
    """The message after all those of progress; `answer` is the first of them, if it has come."""
    while True:
        if watch is not None and answer[:1] == wire.WINDOWS:
            watch(*json.loads(answer[1:]))
        answer = await _receive(connection)
        if answer[:1] != wire.WINDOWS:
            return answer


async def _receive(connection: socket.socket) -> bytes:
    """The next message; empty if the other side has gone."""
    try:
        return await asyncio.get_running_loop().sock_recv(connection, wire.MESSAGE_BYTES)
    except ConnectionResetError:
        return b""


def _read(answer: bytes) -> Judgement:
    kind, body = answer[:1], answer[1:]
    if kind == wire.JUDGED:
        return Judgement.from_json(body)
    if kind == wire.REFUSED:
        refused = json.loads(body)
        raise refusal(refused["code"], refused["details"])
    if kind == wire.NO_MODEL:
        raise ModelUnavailable
    raise AnalysisError
