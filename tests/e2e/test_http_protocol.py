"""What a running service makes of clients that speak HTTP badly, slowly, without end or all at once."""

import asyncio
import json
import os
import resource
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from time import monotonic
from typing import BinaryIO

import httpx
import psutil
import pytest
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, StreamingResponse
from uvicorn.config import Config

from signalcraft.core.requests import RequestLog
from signalcraft.core.security_headers import HEADERS
from signalcraft.gunicorn_worker import DrainingProtocol, DrainingServer
from signalcraft.http_protocol import MAX_HEAD_BYTES
from tests.live import READINGS, LiveService, live_service, wait_until

UPGRADE = (
    b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n"
)
HEALTH = b"GET /health HTTP/1.1\r\nHost: signalcraft\r\n\r\n"


def connect(address: str) -> socket.socket:
    host, port = address.removeprefix("http://").split(":")
    connection = socket.create_connection((host, int(port)), timeout=15)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def answers(connection: socket.socket, count: int) -> list[tuple[int, bytes]]:
    """The next answers' status and body, or (0, b"") where the connection ends without one."""
    with connection.makefile("rb") as stream:
        return [_answer(stream) for _ in range(count)]


def answer(connection: socket.socket) -> tuple[int, bytes]:
    [only] = answers(connection, 1)
    return only


def _answer(stream: BinaryIO) -> tuple[int, bytes]:
    line = stream.readline()
    if not line:
        return 0, b""
    length = 0
    while (header := stream.readline().lower()) != b"\r\n":
        if header.startswith(b"content-length:"):
            length = int(header.split(b":")[1])
    return int(line.split()[1]), stream.read(length)


def code(answered: tuple[int, bytes]) -> tuple[int, str]:
    status, body = answered
    return status, json.loads(body)["code"]


def is_closed(connection: socket.socket) -> bool:
    return connection.recv(1) == b""


def reading(device_id: str) -> bytes:
    values = {"temperature": -18.5, "power_consumption": 45.2, "audio_level": 150}
    return json.dumps(
        {"device_id": device_id, "timestamp": 1_760_000_000, "vibration": {"x": 0.2, "y": 0.1, "z": 0.3}}
        | values
    ).encode()


def post(body: bytes, *headers: bytes) -> bytes:
    length = b"Content-Length: %d\r\n" % len(body)
    return b"".join(
        [b"POST ", READINGS.encode(), b" HTTP/1.1\r\nHost: s\r\n", *headers, length, b"\r\n", body]
    )


@contextmanager
def application(app, **patience: int) -> Iterator[str]:
    """The address of an application behind the worker's server in a thread, with other patience than 10 s or more."""
    protocol = type("Protocol", (DrainingProtocol,), patience)

    class Server(DrainingServer):
        def _protocol(self) -> DrainingProtocol:
            return protocol(self.config, self.server_state, self.lifespan.state)

    server = Server(Config(app, lifespan="off", log_config=None, timeout_graceful_shutdown=1), 0)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        thread = threading.Thread(target=lambda: asyncio.run(server.serve(sockets=[listener])))
        thread.start()
        try:
            wait_until(lambda: server.started, "the server has started")
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()


class Reads:
    """Reads each body; knows of which it was told that the client has gone."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        self.disconnects = 0

    async def __call__(self, scope, receive, send) -> None:
        try:
            self.bodies.append(await Request(scope, receive).body())
        except ClientDisconnect:
            self.disconnects += 1
        await PlainTextResponse("read")(scope, receive, send)


def pieces(message: bytes) -> dict[str, list[bytes]]:
    body = message.index(b"\r\n\r\n") + 4
    return {
        "at once": [message],
        "head and body": [message[:body], message[body:]],
        "byte by byte": [message[n : n + 1] for n in range(len(message))],
    }


@pytest.mark.parametrize("way", ["at once", "head and body", "byte by byte"])
def test_a_request_that_asks_for_an_upgrade_keeps_its_body(open_service, way):
    body = reading("upgrading")
    with connect(open_service.address) as connection:
        for _ in range(2):
            for piece in pieces(post(body, UPGRADE))[way]:
                connection.sendall(piece)
            status, _ = answer(connection)
            assert status == 200
        connection.sendall(HEALTH)
        assert answer(connection)[0] == 200
    assert "upgrade request" not in open_service.log()


def test_a_body_after_an_upgrade_is_no_request_of_its_own(open_service):
    smuggled = b"DELETE /smuggled HTTP/1.1\r\nHost: s\r\n\r\n"
    with connect(open_service.address) as connection:
        connection.sendall(post(smuggled, UPGRADE)[: -len(smuggled)])
        connection.sendall(smuggled)
        status, problem = answer(connection)
        assert status in {400, 422}
        assert b"http_malformed" not in problem
        connection.sendall(HEALTH)
        assert answer(connection)[0] == 200
    assert "/smuggled" not in open_service.log()


def test_requests_with_and_without_an_upgrade_in_one_segment_are_all_answered():
    app = Reads()
    chunked = b"POST / HTTP/1.1\r\n" + UPGRADE + b"Transfer-Encoding: chunked\r\n\r\n4\r\nfour\r\n0\r\n\r\n"
    with application(app) as address, connect(address) as connection:
        connection.sendall(post(b"one") + post(b"two", UPGRADE) + HEALTH + chunked + post(b"five", UPGRADE))
        assert answers(connection, 5) == [(200, b"read")] * 5
    assert app.bodies == [b"one", b"two", b"", b"four", b"five"]


def test_connect_is_refused(service):
    with connect(service.address) as connection:
        connection.sendall(b"CONNECT / HTTP/1.1\r\nHost: s\r\n\r\n")
        assert code(answer(connection)) == (400, "http_malformed")
        assert is_closed(connection)


def test_what_is_not_http_is_refused_as_a_problem(service):
    with connect(service.address) as connection:
        connection.sendall(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03")
        assert code(answer(connection)) == (400, "http_malformed")
        assert is_closed(connection)


def test_an_answer_that_the_application_never_saw_has_the_security_headers(service):
    with connect(service.address) as connection:
        connection.sendall(b"GET /health HTTP/9.9\r\n\r\n")
        head = connection.makefile("rb").read().partition(b"\r\n\r\n")[0].decode().lower().split("\r\n")
    assert head[0].startswith("http/1.1 400")
    assert {f"{name}: {value}".lower() for name, value in HEADERS.items()} <= set(head)


ENDLESS = {
    "header lines": (b"GET /health HTTP/1.1\r\n", b"X-More: of the same\r\n"),
    "one header": (b"GET /health HTTP/1.1\r\nX-Long: ", b"long" * 256),
    "an address": (b"GET /", b"long" * 256),
    "trailers": (
        b"POST /x HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{\r\n0\r\n",
        b"X-More: same\r\n",
    ),
}


@pytest.mark.parametrize(("begin", "more"), ENDLESS.values(), ids=ENDLESS)
def test_a_head_without_end_is_refused(begin, more):
    with application(Reads()) as address, connect(address) as connection:
        connection.sendall(begin + more * (4 * MAX_HEAD_BYTES // len(more)))
        assert code(answer(connection)) == (431, "http_head_too_large")
        assert is_closed(connection)


def test_a_large_head_is_refused_and_one_within_the_limit_is_not(service):
    with connect(service.address) as connection:
        connection.sendall(HEALTH[:-2] + b"X-Large: " + b"x" * (MAX_HEAD_BYTES - 1000) + b"\r\n\r\n")
        assert answer(connection)[0] == 200
        connection.sendall(HEALTH[:-2] + b"X-Large: " + b"x" * MAX_HEAD_BYTES + b"\r\n\r\n")
        assert code(answer(connection)) == (431, "http_head_too_large")


def test_large_bodies_are_no_large_heads():
    app = Reads()
    large = os.urandom(5 * MAX_HEAD_BYTES)
    with application(app) as address:
        for way in ({"content": large}, {"content": iter([large, large])}):
            assert httpx.post(address, **way).text == "read"
    assert [len(body) for body in app.bodies] == [len(large), 2 * len(large)]


def test_a_body_whose_request_was_answered_is_not_read_for_ever():
    async def answers_at_once(scope, receive, send) -> None:
        await PlainTextResponse("no")(scope, receive, send)

    with application(answers_at_once, most_refused_bytes=1_000_000) as address:
        with connect(address) as connection:
            connection.sendall(post(b"x" * 900_000) + HEALTH)
            assert answers(connection, 2) == [(200, b"no")] * 2
        with connect(address) as connection:
            connection.sendall(post(b"x" * 100_000_000)[:200])
            assert answer(connection) == (200, b"no")
            with pytest.raises(ConnectionError):
                connection.sendall(b"x" * 99_000_000)


def test_trailers_do_not_become_headers():
    seen = []

    async def app(scope, receive, send) -> None:
        request = Request(scope, receive)
        await request.body()
        seen.append(dict(request.headers))
        await PlainTextResponse("read")(scope, receive, send)

    with application(app) as address, connect(address) as connection:
        connection.sendall(
            b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nAuthorization: Bearer x\r\n\r\n"
        )
        assert answer(connection)[0] == 200
    assert seen == [{"transfer-encoding": "chunked"}]


def test_connections_that_never_send_a_whole_head_are_closed(service):
    with connect(service.address) as silent, connect(service.address) as slow:
        slow.sendall(HEALTH[:20])
        assert is_closed(silent)
        assert code(answer(slow)) == (408, "http_timeout")
        assert is_closed(slow)


def test_an_idle_connection_keeps_its_keep_alive_time():
    with application(Reads(), head_patience_s=1) as address, connect(address) as connection:
        connection.sendall(HEALTH)
        assert answer(connection)[0] == 200
        begin = monotonic()
        assert is_closed(connection)
        assert monotonic() - begin > 4  # Uvicorn's own is 5 s.


@pytest.mark.parametrize("patience", [{"body_stall_s": 1}, {"body_patience_s": 1, "lowest_bytes_per_s": 100}])
def test_a_body_that_does_not_come_is_ended(patience):
    app = Reads()
    stop = threading.Event()

    def trickle(connection: socket.socket) -> None:
        while "body_patience_s" in patience and not stop.wait(0.2):
            connection.sendall(b"x")

    with application(app, **patience) as address, connect(address) as connection:
        connection.sendall(post(b"x" * 100_000)[:200])
        thread = threading.Thread(target=trickle, args=[connection])
        thread.start()
        try:
            assert code(answer(connection)) == (408, "http_timeout")
        finally:
            stop.set()
            thread.join()
        wait_until(lambda: app.disconnects == 1, "the application has been told")


def test_a_slow_application_does_not_cost_its_client_the_connection():
    async def app(scope, receive, send) -> None:
        await asyncio.sleep(4)
        await Reads()(scope, receive, send)

    impatient = {"head_patience_s": 1, "body_stall_s": 1, "body_patience_s": 1, "lowest_bytes_per_s": 10**9}
    with application(app, **impatient) as address:
        assert httpx.post(address, content=b"x" * 10_000_000, timeout=30).text == "read"


def test_a_client_that_does_not_read_its_answer_is_left():
    ended = threading.Event()

    async def app(scope, receive, send) -> None:
        try:
            await StreamingResponse(b"x" * 1_000_000 for _ in range(1000))(scope, receive, send)
        finally:
            ended.set()

    with application(app, unread_stall_s=1) as address, connect(address) as connection:
        connection.sendall(HEALTH)
        assert ended.wait(15)


def test_an_unexpected_error_is_answered_and_the_connection_stays():
    async def broken(scope, receive, send) -> None:
        raise ZeroDivisionError

    with application(RequestLog(broken)) as address, connect(address) as connection:
        for _ in range(2):
            connection.sendall(HEALTH)
            assert code(answer(connection)) == (500, "internal")


def test_a_long_path_is_cut_in_the_log(service):
    assert httpx.get(f"{service.address}/{'x' * 10_000}").status_code == 404
    wait_until(lambda: "x" * 190 in service.log(), "the request is logged")
    assert "x" * 201 not in service.log()


@pytest.fixture
def narrow_service(tmp_path) -> Iterator[LiveService]:
    """A service whose workers may open few files."""
    with live_service(tmp_path / "narrow") as service:
        workers, master = set(service.gunicorn_workers()), service.gunicorn_master()
        psutil.Process(master).rlimit(resource.RLIMIT_NOFILE, (64, 64))
        os.kill(master, signal.SIGHUP)
        wait_until(lambda: workers.isdisjoint(service.gunicorn_workers()), "all workers are new")
        yield service


def test_more_connections_than_descriptors_do_no_harm(narrow_service):
    with ExitStack() as stack:
        for _ in range(150):
            stack.enter_context(connect(narrow_service.address))
        wait_until(lambda: "connections_at_limit" in narrow_service.log(), "the limit is reached")
    assert httpx.get(f"{narrow_service.address}/health", timeout=30).status_code == 200
    log = (narrow_service.data_dir.parent / "serve.log").read_text()
    assert "Traceback" not in log
    assert log.count("connections_at_limit") <= 4
