"""HTTP/1.1 on one connection, with bounds: what Uvicorn's protocol leaves to a proxy in front, for where there is none.

* A request that asks for another protocol (`Upgrade: h2c`) is answered in this one, as RFC 9110, 7.8 allows.
* A head or trailer has a largest size, as has a body that is still coming when its request was answered, and a client
  must send its request and read its answer within a time.
* Whatever is refused is answered as a problem, once, and in such a way that the answer arrives.

Every byte of every request passes here. So there are no timers and no timestamps for a request, only counters; once a
second the server lets each connection look at its own.
"""

from enum import Enum, auto
from typing import ClassVar

import httptools
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from signalcraft.core.errors import BadRequest
from signalcraft.core.logging import get_logger
from signalcraft.core.problems import problem_response
from signalcraft.core.security_headers import security_headers

SWEEP_S = 1
MAX_HEAD_BYTES = 64 * 1024
# After its refusal a client may go on sending for this long; closing earlier would reset the connection, and the
# answer would be lost with what the client had not read yet.
LINGER_S = 2
# Without these, the same head asks for nothing but HTTP/1.1.
_UPGRADE_HEADERS = {b"upgrade", b"http2-settings"}
logger = get_logger(__name__)


class RequestMalformed(BadRequest):
    """This is not a valid HTTP/1.1 request."""

    status, code = 400, "http_malformed"


class RequestTimeout(BadRequest):
    """The request did not arrive in time; send it again, faster."""

    status, code = 408, "http_timeout"


class HeadTooLarge(BadRequest):
    """The request's line and headers, or its trailers, are larger than {limit_bytes} bytes."""

    status, code = 431, "http_head_too_large"


class Phase(Enum):
    """What is expected from the client."""

    IDLE = auto()
    """Nothing, or its next request."""
    HEAD = auto()
    BODY = auto()
    ENDING = auto()
    """Nothing any more: the connection closes with the answer that is being made."""
    REFUSED = auto()
    """Nothing any more: it has its answer and may read it."""


class BoundedProtocol(HttpToolsProtocol):
    """Uvicorn's protocol, which trusts its clients, for clients that can't be trusted."""

    head_patience_s: ClassVar[int] = 10
    body_stall_s: ClassVar[int] = 30
    # From this age on a body must have come at the lowest rate, on average.
    body_patience_s: ClassVar[int] = 60
    lowest_bytes_per_s: ClassVar[int] = 1024
    unread_stall_s: ClassVar[int] = 60
    # A refused body is read to its end, so that its sender reads the refusal; but not one that is longer than this.
    most_refused_bytes: ClassVar[int] = 32 * 1024**2

    # A new connection owes its first request; later ones may take their keep-alive time to begin.
    _phase = Phase.HEAD
    # In the phase; the time in which the service itself stopped reading does not count.
    _age_s = 0
    # Received since the last byte of a body or the last complete head, in whole segments.
    _head_bytes = 0
    _body_bytes = 0
    _swept_body_bytes = 0
    _stalled_s = 0
    # Of the answer; what the kernel has taken counts as read.
    _swept_unread_bytes = 0
    _unread_s = 0

    def data_received(self, data: bytes) -> None:
        """Take one segment."""
        if self._phase is Phase.REFUSED or self._phase is Phase.ENDING:
            return
        self._unset_keepalive_if_required()
        if self._phase is Phase.IDLE:
            self._enter(Phase.HEAD)
        self._head_bytes += len(data)
        try:
            self._parse(data)
        except httptools.HttpParserError as error:
            cause = error.__context__
            self._refuse(cause if isinstance(cause, HeadTooLarge) else RequestMalformed())
        else:
            if self._head_bytes > MAX_HEAD_BYTES:
                self._refuse(HeadTooLarge(limit_bytes=MAX_HEAD_BYTES))

    def on_message_begin(self) -> None:
        """Begin a head."""
        self._enter(Phase.HEAD)
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """Start the application, unless the same head comes again without its wish for another protocol."""
        if self._head_bytes > MAX_HEAD_BYTES and self._head_size() > MAX_HEAD_BYTES:
            raise HeadTooLarge(limit_bytes=MAX_HEAD_BYTES)
        self._head_bytes = 0
        if self.parser.should_upgrade():
            return
        self._enter(Phase.BODY)
        super().on_headers_complete()
        # Trailers must not get among the headers, which the application may have trusted already.
        self.headers = []

    def on_body(self, body: bytes) -> None:
        """Take a piece of the body."""
        self._head_bytes = 0
        self._body_bytes += len(body)
        if self._body_bytes > self.most_refused_bytes and self.cycle.response_complete:
            self.transport.close()
        super().on_body(body)

    def on_message_complete(self) -> None:
        """End the request, unless its head comes again."""
        if self._phase is Phase.BODY:
            self._head_bytes = 0
            self._enter(Phase.IDLE)
            super().on_message_complete()

    def sweep(self) -> None:
        """Look at what the client has done since the last time; called every `SWEEP_S`."""
        self._sweep_unread()
        if self.flow.read_paused or self.transport.is_closing():
            return
        self._age_s += SWEEP_S
        if self._phase is Phase.BODY:
            self._sweep_body()
        elif self._phase is Phase.HEAD and self._age_s > self.head_patience_s:
            if self._head_bytes or self.cycle:
                self._refuse(RequestTimeout())
            else:
                self.transport.close()
        elif self._phase is Phase.REFUSED and self._age_s > LINGER_S:
            self.transport.abort()
        elif (
            self._phase is Phase.IDLE
            and self.timeout_keep_alive_task is None
            and self.cycle.response_complete
        ):
            # The body ended after the answer, which Uvicorn does not reckon with.
            self.timeout_keep_alive_task = self.loop.call_later(
                self.timeout_keep_alive, self.timeout_keep_alive_handler
            )

    def _sweep_unread(self) -> None:
        """End the connection of a client that doesn't read its answer; also a closed one waits for that."""
        unread_bytes = self.transport.get_write_buffer_size()
        is_stuck = unread_bytes > 0 and unread_bytes == self._swept_unread_bytes
        self._swept_unread_bytes = unread_bytes
        self._unread_s = self._unread_s + SWEEP_S if is_stuck else 0
        if self._unread_s > self.unread_stall_s:
            self.transport.abort()

    def _sweep_body(self) -> None:
        if self.cycle.waiting_for_100_continue:
            return  # The client waits for us.
        self._stalled_s = 0 if self._body_bytes > self._swept_body_bytes else self._stalled_s + SWEEP_S
        self._swept_body_bytes = self._body_bytes
        expected_bytes = self._age_s * self.lowest_bytes_per_s if self._age_s > self.body_patience_s else 0
        if self._stalled_s > self.body_stall_s or self._body_bytes < expected_bytes:
            self._refuse(RequestTimeout())

    def _enter(self, phase: Phase) -> None:
        self._phase = phase
        self._age_s = self._stalled_s = self._body_bytes = self._swept_body_bytes = 0

    def _head_size(self) -> int:
        return len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)

    def _parse(self, data: bytes) -> None:
        rest: bytes | memoryview = data
        while rest:
            try:
                self.parser.feed_data(rest)
            except httptools.HttpParserUpgrade as upgrade:
                rest = memoryview(rest)[upgrade.args[0] :]
                self._parse_without_upgrade()
            else:
                return

    def _parse_without_upgrade(self) -> None:
        """Begin the request anew with a parser that does not stop after the head."""
        method = self.parser.get_method()
        if method == b"CONNECT":
            raise httptools.HttpParserError("not a proxy")
        head = [method, b" ", self.url, b" HTTP/", self.parser.get_http_version().encode(), b"\r\n"]
        for name, value in self.headers:
            if name not in _UPGRADE_HEADERS:
                head += [name, b": ", value, b"\r\n"]
        head.append(b"\r\n")
        self.parser = httptools.HttpRequestParser(self)
        # As Uvicorn does it.
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)
        self.parser.feed_data(b"".join(head))

    def _refuse(self, error: BadRequest) -> None:
        """Answer in the application's place where nothing else is being answered, and end the connection."""
        logger.info("http_refused", code=error.code, client=self.client)
        cycle = self.cycle
        answered = cycle is None or cycle.response_complete
        if not answered and self._phase is not Phase.BODY:
            # An earlier request is in work and keeps its answer.
            cycle.keep_alive = False
            self._enter(Phase.ENDING)
            return
        if not answered:
            cycle.disconnected = True
            cycle.message_event.set()
            if cycle.response_started or self.pipeline:
                self.transport.close()
                return
        self._enter(Phase.REFUSED)
        self._send_refusal(error)

    def _send_refusal(self, error: BadRequest) -> None:
        answer = problem_response(error, None)
        content = [STATUS_LINE[error.status]]
        own = answer.raw_headers
        # Behind a proxy this connection's scheme is not the client's; the proxy itself speaks HTTPS then.
        secured = security_headers(self.scheme or "http", own)
        for name, value in [*self.server_state.default_headers, *own, *secured]:
            content += [name, b": ", value, b"\r\n"]
        content += [b"connection: close\r\n\r\n", bytes(answer.body)]
        self.transport.write(b"".join(content))
        if self.transport.can_write_eof():
            self.transport.write_eof()
            self.flow.resume_reading()
        else:
            self.transport.close()
