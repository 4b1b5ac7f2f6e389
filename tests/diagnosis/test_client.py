"""A web worker's way to the inference processes: every recording gets an answer, whatever happens to the processes."""

import asyncio
import os
import signal
from collections.abc import Callable, Iterator
from time import monotonic

import psutil
import pytest
import uvloop
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from signalcraft.audio.errors import CLIP_ERRORS, ClipEmpty, ClipSilent, ClipTooShort, NotAudio
from signalcraft.diagnosis import wire
from signalcraft.diagnosis.client import InferenceClient
from signalcraft.diagnosis.errors import AnalysisAway, AnalysisBusy, AnalysisError, ClipUnprocessable
from signalcraft.diagnosis.judgement import Judgement, Verdict
from signalcraft.diagnosis.pool import InferencePool
from tests.conftest import SAMPLES
from tests.recordings import PACKINGS, machine, opened, packed

# Long enough for the long recording on a machine that others keep busy.
TIME_LIMIT_S = 4.0


def client_of(pool: InferencePool, **limits) -> InferenceClient:
    return InferenceClient(
        pool.address, **({"max_in_flight": 64, "time_limit_s": 10, "take_limit_s": 30} | limits)
    )


@pytest.fixture
def client(inference_pool) -> InferenceClient:
    return client_of(inference_pool)


@pytest.fixture
def pool() -> Iterator[InferencePool]:
    """One warmed process of this test's own."""
    pool = InferencePool(processes=1, time_limit_s=TIME_LIMIT_S)
    pool.start()
    pool.wait_ready(timeout_s=30)
    yield pool
    pool.stop()


@pytest.fixture
def sample() -> Iterator[int]:
    with min((SAMPLES / "bearing").glob("*.flac")).open("rb") as file:
        yield file.fileno()


@pytest.fixture(scope="session")
def long_recording() -> bytes:
    """It keeps a process busy for some tenths of a second."""
    return packed(machine(58, 96_000, level=1e-3), 96_000, "flac")


@pytest.fixture
def long_file(long_recording) -> Iterator[int]:
    with opened(long_recording) as file:
        yield file


async def until(condition: Callable[[], bool], limit_s: float = 20) -> None:
    deadline = monotonic() + limit_s
    while not condition():
        assert monotonic() < deadline, "not in time"
        await asyncio.sleep(0.002)


async def started_on(pid: int, client: InferenceClient, file: int) -> asyncio.Task[Judgement]:
    """A recording that process `pid` is at work on."""
    before = cpu_s(pid)
    task = asyncio.create_task(client.judge(file))
    await until(lambda: cpu_s(pid) > before + 0.03)
    assert not task.done()
    return task


def cpu_s(pid: int) -> float:
    return psutil.Process(pid).cpu_times().user


async def test_a_recording_is_judged(client, sample):
    judgement = await client.judge(sample)

    assert (judgement.verdict, judgement.state) == (Verdict.ANOMALOUS, "bearing")
    assert judgement.audio.duration_s == 2.85
    assert client.in_flight == 0


def test_it_works_on_uvloop_too(inference_pool, sample):
    async def judge_some() -> list[Judgement]:
        client = client_of(inference_pool)
        assert await client.ready_processes() == 2
        return await asyncio.gather(*(client.judge(sample) for _ in range(20)))

    assert {judgement.state for judgement in uvloop.run(judge_some())} == {"bearing"}


@pytest.mark.parametrize(
    ("content", "error"),
    [
        (b"no recording" * 50, NotAudio),
        (packed(machine(0.3)), ClipTooShort),
        (packed(machine(level=0)), ClipSilent),
    ],
)
async def test_a_refusal_reaches_the_web_worker_as_it_was_raised(client, content, error):
    with opened(content) as file, pytest.raises(error) as refused:
        await client.judge(file)

    assert str(refused.value).endswith(".")
    assert "{" not in str(refused.value)


async def test_more_than_may_be_in_flight_are_told_to_come_again(inference_pool, sample):
    client = client_of(inference_pool, max_in_flight=2)

    answers = await asyncio.gather(*(client.judge(sample) for _ in range(5)), return_exceptions=True)

    assert [type(answer) for answer in answers] == [Judgement] * 2 + [AnalysisBusy] * 3
    assert (await client.judge(sample)).state == "bearing"


async def test_a_recording_that_no_process_takes_is_told_to_come_again(pool, sample):
    client = client_of(pool, take_limit_s=0.2)
    os.kill(pool.pids()[0], signal.SIGSTOP)

    with pytest.raises(AnalysisBusy):
        await client.judge(sample)

    assert client.in_flight == 0


async def test_a_recording_that_was_taken_in_time_may_take_longer(pool, long_file):
    client = client_of(pool, take_limit_s=0.2)

    assert (await client.judge(long_file)).audio.duration_s == 58


async def test_a_full_socket_is_told_to_come_again(sample):
    address = wire.new_address()
    with wire.listen(address, backlog=1):
        client = InferenceClient(address, max_in_flight=64, time_limit_s=1, take_limit_s=0.1)

        answers = await asyncio.gather(*(client.judge(sample) for _ in range(10)), return_exceptions=True)

    # Nobody takes those that found room, as there is no process.
    assert {type(answer) for answer in answers} == {AnalysisAway, AnalysisBusy}


async def test_without_a_pool_there_is_no_answer_and_nothing_is_ready(sample):
    client = InferenceClient(wire.new_address(), max_in_flight=1, time_limit_s=1, take_limit_s=1)

    with pytest.raises(AnalysisAway):
        await client.judge(sample)

    assert await client.ready_processes() == 0


async def test_while_no_process_is_ready_a_recording_does_not_wait_for_one_long(sample, monkeypatch):
    monkeypatch.setattr("signalcraft.diagnosis.client._REPLACED_WITHIN_S", 0.0)
    pool = InferencePool(processes=1, time_limit_s=TIME_LIMIT_S)
    pool.start()
    try:
        # Long enough that the answer can't be that of a recording which waited.
        client = client_of(pool, take_limit_s=600)
        await until(lambda: len(pool.pids()) == 1)
        os.kill(pool.pids()[0], signal.SIGSTOP)
        assert await client.ready_processes() == 0

        with pytest.raises(AnalysisAway):
            await client.judge(sample)

        os.kill(pool.pids()[0], signal.SIGCONT)
        await until(lambda: pool.ready() == 1)
        assert (await client.judge(sample)).state == "bearing"
    finally:
        pool.stop()


async def test_a_recording_that_waited_for_a_process_that_never_came_is_told_so(sample):
    pool = InferencePool(processes=1, time_limit_s=TIME_LIMIT_S)
    pool.start()
    try:
        await until(lambda: len(pool.pids()) == 1)
        os.kill(pool.pids()[0], signal.SIGSTOP)

        with pytest.raises(AnalysisAway):
            await client_of(pool, take_limit_s=0.2).judge(sample)
    finally:
        pool.stop()


async def test_ready_processes_are_counted(pool):
    client = client_of(pool)
    assert await client.ready_processes() == 1

    os.kill(pool.pids()[0], signal.SIGKILL)

    await until(lambda: pool.ready() == 0)
    assert await client.ready_processes() == 0
    await until(lambda: pool.ready() == 1)
    assert await client.ready_processes() == 1


async def test_a_process_killed_at_work_costs_no_answer(pool, long_file):
    (pid,) = pool.pids()
    task = await started_on(pid, client_of(pool), long_file)

    os.kill(pid, signal.SIGKILL)

    assert (await task).audio.duration_s == 58
    assert pool.pids() != [pid]
    pool.wait_ready(timeout_s=1)


async def test_a_process_that_hangs_at_work_is_replaced_and_costs_no_answer(pool, long_file):
    (pid,) = pool.pids()
    task = await started_on(pid, client_of(pool, time_limit_s=TIME_LIMIT_S), long_file)

    os.kill(pid, signal.SIGSTOP)

    assert (await task).audio.duration_s == 58
    assert not psutil.pid_exists(pid)
    pool.wait_ready(timeout_s=1)


async def test_a_recording_that_ends_two_processes_is_not_tried_again(pool, long_file, sample):
    client = client_of(pool)
    (first,) = pool.pids()
    task = await started_on(first, client, long_file)
    os.kill(first, signal.SIGKILL)
    await until(lambda: pool.ready() == 1 and pool.pids() != [first])
    (second,) = pool.pids()
    # It takes the recording as soon as it is warmed.
    warmed_s = cpu_s(second)
    await until(lambda: cpu_s(second) > warmed_s + 0.03)
    os.kill(second, signal.SIGKILL)

    with pytest.raises(ClipUnprocessable):
        await task

    assert (await client.judge(sample)).state == "bearing"
    assert not {first, second} & set(pool.pids())


async def test_a_client_that_goes_away_frees_its_place_and_harms_no_process(pool, long_file, sample):
    client = client_of(pool, max_in_flight=1)
    (pid,) = pool.pids()
    before = len(os.listdir("/proc/self/fd"))
    task = await started_on(pid, client, long_file)

    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert client.in_flight == 0
    assert len(os.listdir("/proc/self/fd")) == before
    assert (await client.judge(sample)).state == "bearing"
    assert pool.pids() == [pid]


async def test_a_recording_that_nobody_waits_for_is_not_judged(pool, long_file, sample):
    client = client_of(pool)
    (pid,) = pool.pids()
    task = await started_on(pid, client, long_file)
    given_up = [asyncio.create_task(client.judge(long_file)) for _ in range(20)]
    await until(lambda: client.in_flight == 21)
    for one in given_up:
        one.cancel()
    await asyncio.gather(*given_up, return_exceptions=True)
    await task
    before = cpu_s(pid)

    await client.judge(sample)

    assert cpu_s(pid) - before < 0.5, "the twenty were judged all the same"


async def test_a_client_that_sends_nothing_does_not_hold_a_process(pool, sample):
    (pid,) = pool.pids()
    silent = [wire.connect(pool.address) for _ in range(2)]

    assert (await client_of(pool).judge(sample)).state == "bearing"

    assert pool.pids() == [pid]
    for connection in silent:
        connection.close()


@pytest.mark.parametrize("message", [b"", b"!", wire.JOB, b"x" * 10_000])
async def test_a_strange_message_harms_no_process(pool, sample, message):
    (pid,) = pool.pids()
    with wire.connect(pool.address) as connection:
        connection.send(message)

        assert (await client_of(pool).judge(sample)).state == "bearing"

    assert pool.pids() == [pid]


async def test_what_has_no_content_is_empty(client):
    reading, writing = os.pipe()
    for file in (reading, writing, os.open("/dev/zero", os.O_RDONLY)):
        with pytest.raises(ClipEmpty):
            await client.judge(file)
        os.close(file)


async def test_a_fault_of_ours_is_logged_and_harms_no_process(sample, tmp_path, capfd):
    pool = InferencePool(processes=1)
    pool.start()
    try:
        pool.wait_ready(timeout_s=30)
        (pid,) = pool.pids()
        folder = os.open(tmp_path, os.O_RDONLY)

        with pytest.raises(AnalysisError):
            await client_of(pool).judge(folder)

        os.close(folder)
        assert (await client_of(pool).judge(sample)).state == "bearing"
        assert pool.pids() == [pid]
    finally:
        pool.stop()
    logged = capfd.readouterr().out
    assert "inference_failed" in logged
    assert "IsADirectoryError" in logged


BASES = [packed(machine(0.6, rate_hz, channels), rate_hz, packing) for packing in PACKINGS for rate_hz, channels in ((16_000, 1), (48_000, 2))]  # fmt: skip
EXTREMES = [b"\xff" * 4, bytes(4), b"\x7f\xff\xff\xff", b"\xff\xff\xff\x7f", b"\x00\x00\x00\x80"]
CHANGE = st.tuples(
    st.integers(0, 400) | st.integers(0, 10**6),
    st.binary(min_size=1, max_size=8) | st.sampled_from(EXTREMES),
    st.booleans(),
)


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    content=st.sampled_from(BASES),
    changes=st.lists(CHANGE, max_size=8),
    part=st.just(1.0) | st.floats(0, 1),
)
def test_whatever_is_sent_is_judged_or_refused(inference_pool, content, changes, part):
    spoiled = bytearray(content)
    for position, put, is_inserted in changes:
        start = position % len(spoiled)
        spoiled[start : start + (0 if is_inserted else len(put))] = put
    pids = inference_pool.pids()

    with opened(bytes(spoiled[: round(part * len(spoiled))])) as file:
        answer = answer_to(client_of(inference_pool), file)

    assert isinstance(answer, (Judgement, ClipUnprocessable, *CLIP_ERRORS)), answer
    # A decoder may crash on what is made to crash it; none is known to.
    assert inference_pool.pids() == pids


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    magic=st.sampled_from([b"", b"RIFF\0\0\0\0WAVE", b"fLaC", b"OggS", b"ID3\x04\0\0", b"\xff\xfb\x90\x00"]),
    rest=st.binary(max_size=2000),
)
def test_noise_behind_a_true_beginning_is_refused(inference_pool, magic, rest):
    with opened(magic + rest) as file:
        answer = answer_to(client_of(inference_pool), file)

    assert isinstance(answer, CLIP_ERRORS), answer


def answer_to(client: InferenceClient, file: int) -> Judgement | BaseException:
    async def ask() -> Judgement | BaseException:
        (answer,) = await asyncio.gather(client.judge(file), return_exceptions=True)
        return answer

    return asyncio.run(ask())
