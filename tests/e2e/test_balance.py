"""Connections are shared evenly among the workers."""

import socket
from contextlib import ExitStack

import psutil

from tests.live import wait_until

CONNECTIONS = 16
# An even share is 8. Which worker wakes up first is the kernel's business, so a little more or less is no fault.
FAIR_SHARE = range(5, 12)


def test_connections_that_stay_are_spread_over_the_workers(service):
    host, port = service.address.removeprefix("http://").split(":")
    workers = [psutil.Process(pid) for pid in service.gunicorn_workers()]

    def established() -> list[int]:
        of_service = [
            [c for c in worker.net_connections("tcp") if c.laddr.port == int(port)] for worker in workers
        ]
        return [sum(c.status == psutil.CONN_ESTABLISHED for c in connections) for connections in of_service]

    before = established()
    with ExitStack() as stack:
        for _ in range(CONNECTIONS):
            connection = stack.enter_context(socket.create_connection((host, int(port)), timeout=30))
            connection.sendall(b"GET /health HTTP/1.1\r\nHost: signalcraft\r\n\r\n")
            assert connection.recv(65536).startswith(b"HTTP/1.1 200")
        wait_until(lambda: sum(established()) == sum(before) + CONNECTIONS, "all are accepted")
        assert all(share in FAIR_SHARE for share in established())
