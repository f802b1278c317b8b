"""Messages over a socket: a length and as many bytes, with a deadline for all of it."""

from __future__ import annotations

import socket
import struct
import time
from typing import Any

from tinyml_course.grading.wire import MAX_BYTES, Garbled, decode, encode

READY = b"ready"
END, LINE_CLOSED = b"E", b"C"
"""The server's first word; the judge's last one to a guardian: end the session, or: the line
closed, see how it ended."""

_LENGTH = struct.Struct("<I")


class Channel:
    """One end of a conversation in plain data.

    Parameters
    ----------
    end : socket
        One end of a stream; closed with the channel.
    deadline : float, optional
        Time of `time.monotonic` by which every message must be through; none by default.

    Raises
    ------
    TimeoutError
        By `send` and `receive`, once the deadline is over.
    EOFError
        By `receive`, if the other end is gone.
    Garbled
        By `receive`, if what came is no message.
    """

    def __init__(self, end: socket.socket, *, deadline: float | None = None) -> None:
        self._end = end
        self._deadline = deadline

    def set_deadline(self, deadline: float) -> None:
        """Move the deadline."""
        self._deadline = deadline

    def send(self, value: Any) -> None:
        """Send `value`, plain data."""
        message = encode(value)
        self._set_timeout()
        self._end.sendall(_LENGTH.pack(len(message)) + message)

    def receive(self) -> Any:
        """Return the next value."""
        (size,) = _LENGTH.unpack(self._read(_LENGTH.size))
        if size > MAX_BYTES:
            raise Garbled(f"a message of {size:,} B was announced")
        return decode(self._read(size))

    def close(self) -> None:
        """Close this end."""
        self._end.close()

    def _read(self, size: int) -> bytes:
        data = bytearray()
        while len(data) < size:
            self._set_timeout()
            piece = self._end.recv(min(size - len(data), 2**18))
            if not piece:
                raise EOFError("the other end is gone")
            data += piece
        return bytes(data)

    def _set_timeout(self) -> None:
        if self._deadline is None:
            return
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("the time is over")
        self._end.settimeout(left)
