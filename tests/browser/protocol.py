"""A page without a browser: speaks the live socket's protocol, draws nothing, acknowledges every frame."""

from __future__ import annotations

import contextlib
import json
import struct
from collections.abc import Iterator, Mapping
from typing import Any

from websockets.sync.client import ClientConnection, connect

MAX_FRAME = 2**24


class ProtocolClient:
    """One connected socket that has said hello.

    Args:
        socket: The connection.
        resume: Key of the run that the page had before it was loaded again; empty for none.
    """

    def __init__(self, socket: ClientConnection, resume: str = "") -> None:
        self._socket = socket
        self.send(type="hello", resume=resume, released=bool(resume))

    def send(self, **message: Any) -> None:
        self._socket.send(json.dumps(message))

    def receive(self, timeout_s: float = 20.0) -> dict[str, Any]:
        """The next message; of a frame its header, after it was acknowledged.

        Raises:
            TimeoutError: Nothing came.
        """
        message = self._socket.recv(timeout_s)
        if isinstance(message, str):
            return json.loads(message)
        header = frame_header(message)
        self.send(type="ack", frame=header["frame"])
        return header

    def receive_until(self, kind: str) -> dict[str, Any]:
        """The next message of a kind (welcome, figures, state, error)."""
        while True:
            message = self.receive()
            if message.get("type") == kind:
                return message


@contextlib.contextmanager
def protocol_client(
    host: str,
    token: str,
    *,
    hello: bool = True,
    headers: Mapping[str, str] | None = None,
    screen: str = "live",
    resume: str = "",
) -> Iterator[Any]:
    """Connect to a screen (live or sweeps) with a page token; without `hello`, the bare connection."""
    with connect(
        f"ws://{host}/maml/{screen}?token={token}", additional_headers=headers, max_size=MAX_FRAME, proxy=None
    ) as socket:
        yield ProtocolClient(socket, resume) if hello else socket


def frame_header(frame: bytes) -> dict[str, Any]:
    """The JSON header of a binary frame."""
    (length,) = struct.unpack_from("<I", frame)
    return json.loads(frame[4 : 4 + length])


PIECE, PING = 0, 9
"""Kinds of frames (RFC 6455, 11.8)."""


def frames(kind: int, content: bytes, count: int, *, last: bool = True) -> bytes:
    """So many frames as they stand on the line."""
    size = (
        struct.pack("!B", 0x80 | len(content)) if len(content) < 126 else struct.pack("!BH", 0x80 | 126, len(content))
    )
    return (bytes([kind | (0x80 if last else 0)]) + size + b"\0\0\0\0" + content) * count
