"""A lean HTTP/1.1 load client: keep-alive connections that send prebuilt requests, one after the other each.

It runs in processes of its own, so that it shares no interpreter with what it measures, and it reads no more of an
answer than its status and its length.
"""

import asyncio
import multiprocessing
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import uvloop

# Makes the requests of one client: its number → whole requests as bytes, head and body.
Requests = Callable[[int], Iterator[bytes]]


@dataclass
class Outcome:
    """What a run has seen."""

    elapsed_s: float = 0.0
    statuses: Counter[int] = field(default_factory=Counter)
    latencies_s: list[float] = field(default_factory=list)

    @property
    def per_s(self) -> float:
        """Successful answers a second."""
        return self.statuses[200] / self.elapsed_s

    def percentile_ms(self, share: float) -> float:
        ordered = sorted(self.latencies_s)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))] * 1000


def post(path: str, body: bytes, headers: dict[str, str]) -> bytes:
    """A whole POST request."""
    head = {"Host": "bench", "Content-Type": "application/json", "Content-Length": str(len(body)), **headers}
    lines = "".join(f"{name}: {value}\r\n" for name, value in head.items())
    return f"POST {path} HTTP/1.1\r\n{lines}\r\n".encode() + body


def run(address: str, requests: Requests, *, clients: int, duration_s: float) -> Outcome:
    """Let so many clients send for so long; a client that runs out of requests ends sooner."""
    context = multiprocessing.get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_in_process, args=(sender, address, requests, clients, duration_s))
    process.start()
    sender.close()
    outcome: Outcome = receiver.recv()
    process.join()
    return outcome


def _in_process(sender, address: str, requests: Requests, clients: int, duration_s: float) -> None:
    sender.send(uvloop.run(_drive(address, requests, clients, duration_s)))


async def _drive(address: str, requests: Requests, clients: int, duration_s: float) -> Outcome:
    parts = urlsplit(address)
    outcome = Outcome()
    # Built before the clock runs, as far as a second needs.
    streams = [requests(number) for number in range(clients)]
    loop = asyncio.get_running_loop()
    started_s = time.perf_counter()
    connections = []
    for stream in streams:
        _, connection = await loop.create_connection(
            lambda stream=stream: _Client(stream, outcome, started_s + duration_s), parts.hostname, parts.port
        )
        connections.append(connection)
    await asyncio.gather(*(connection.done for connection in connections))
    outcome.elapsed_s = time.perf_counter() - started_s
    return outcome


class _Client(asyncio.Protocol):
    def __init__(self, requests: Iterator[bytes], outcome: Outcome, until_s: float) -> None:
        self._requests = requests
        self._outcome = outcome
        self._until_s = until_s
        self._received = b""
        self._sent_s = 0.0
        self.done = asyncio.get_running_loop().create_future()

    def connection_made(self, transport) -> None:
        self._transport = transport
        self._next()

    def _next(self) -> None:
        request = next(self._requests, None)
        self._sent_s = time.perf_counter()
        if request is None or self._sent_s >= self._until_s:
            self._transport.close()
        else:
            self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        self._received += data
        head_end = self._received.find(b"\r\n\r\n")
        if head_end < 0:
            return
        head = self._received[:head_end].lower()
        length_at = head.index(b"content-length:") + 15
        length = int(head[length_at:].partition(b"\r\n")[0])
        if len(self._received) < head_end + 4 + length:
            return
        self._outcome.latencies_s.append(time.perf_counter() - self._sent_s)
        self._outcome.statuses[int(head[9:12])] += 1
        self._received = b""
        self._next()

    def connection_lost(self, _error: Exception | None) -> None:
        if not self.done.done():
            self.done.set_result(None)
