"""What the pool, the inference processes and the web workers say to each other, over unix sockets.

One connection carries one recording. The web worker sends `JOB`, followed by the path of the model that is to judge
(nothing: the one that the pool was started with), with the recording's open file attached; the process that takes it
answers one of `JUDGED`, `REFUSED`, `NO_MODEL` and `FAILED`, the first two followed by JSON. To a `WATCHED_JOB` it sends
before, as it gets on, `WINDOWS` with how many windows are judged and how many there are, as JSON; the first, with 0, says
that the recording is decoded. The sockets are SOCK_SEQPACKET: a message arrives whole or not at all. A second file, if
there is one, is the baseline of the recording's device.

With `LEARN` the attached file is what a baseline is to be learnt from (`learning.LearningTask`); the process replaces its
content with the baseline, and answers `LEARNT` followed by JSON. With `PICTURE`, followed by a `PictureRequest`, the first
file is a recording and the second one takes the picture; the answer is `DRAWN`.

The sockets' names are abstract (Linux, unix(7)): there is no file to be left behind by a pool that is killed, and no
limit on the length of a folder's path. Anybody on the machine can connect to such a name, or take it once it is free,
so both sides ask the kernel for the other's user and talk to none but their own.
"""

import fcntl
import json
import os
import secrets
import socket
import struct
import termios
from dataclasses import asdict, dataclass
from typing import Self

JOB = b"?"
LEARN = b"+"
WATCHED_JOB = b"!"
WINDOWS = b"W"
PICTURE = b"P"
JUDGED = b"J"
DRAWN = b"D"
LEARNT = b"L"
REFUSED = b"R"
NO_MODEL = b"M"
FAILED = b"F"
# A path (Linux's PATH_MAX is 4,096), or a picture's request of about 1,500 bytes.
JOB_BYTES = 8 * 1024
# An answer has about 2,000 bytes.
MESSAGE_BYTES = 16 * 1024

_PEER_CREDENTIALS = struct.Struct("3i")


@dataclass(frozen=True, slots=True)
class Assignment:
    """What the pool tells an inference process at its start.

    listener, board: file descriptors. seat: the process's place on the board. idle_s: how often it shows that it is
    there when it has nothing to do. model: path of the ONNX file; None is the shipped one. nice: how far it steps back
    behind other processes.
    """

    listener: int
    board: int
    seat: int
    parent_pid: int
    idle_s: float
    max_bytes: int
    model: str | None
    nice: int

    def to_json(self) -> str:
        """As it stands on the command line."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Self:
        """The reverse of `to_json`."""
        return cls(**json.loads(text))


def new_address() -> str:
    """An abstract socket name, written with an @ so that it can stand in an environment variable."""
    return f"@signalcraft-{secrets.token_hex(16)}"


def status_address(address: str) -> str:
    """Where the pool at `address` tells how many of its processes are ready."""
    return f"{address}-status"


def listen(address: str, *, backlog: int) -> socket.socket:
    """A socket that listens at `address`."""
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    listener.bind(_name(address))
    listener.listen(backlog)
    return listener


def connect(address: str) -> socket.socket:
    """A connection to `address` that never blocks.

    Raises:
        BlockingIOError: as many connections wait there as may wait.
        ConnectionRefusedError: nobody listens there.
        PermissionError: another user listens there.
    """
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_NONBLOCK)
    try:
        connection.connect(_name(address))
        if not is_own_user(connection):
            raise PermissionError(f"{address} belongs to another user")
    except OSError:
        connection.close()
        raise
    return connection


def is_taken(connection: socket.socket) -> bool:
    """Whether the other end has read what was sent. The kernel knows, so no message needs to wake anybody for it."""
    unread = fcntl.ioctl(connection, termios.TIOCOUTQ, bytes(4))
    return not any(unread)


def is_gone(connection: socket.socket) -> bool:
    """Whether the other end has closed the connection."""
    try:
        return not connection.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
    except BlockingIOError:
        return False


def is_own_user(connection: socket.socket) -> bool:
    """Whether the process at the other end runs as the same user."""
    credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _PEER_CREDENTIALS.size)
    _pid, user_id, _group_id = _PEER_CREDENTIALS.unpack(credentials)
    return bool(user_id == os.geteuid())


def _name(address: str) -> str:
    return address.replace("@", "\0", 1)
