"""Netlink messages (RFC 3549, netlink(7)): how they are read, written, and exchanged with the kernel.

The one place that knows their alignment, their errors and the flag of a list that is not whole. What a message means
is a matter of those who use this. Nothing is ever sent that was not asked for.
"""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Iterator
from typing import Final, NamedTuple, Self

NLMSG_ERROR: Final = 2
NLMSG_DONE: Final = 3
NLM_F_REQUEST: Final = 0x1
NLM_F_ACK: Final = 0x4
NLM_F_DUMP_INTR: Final = 0x10
NLM_F_DUMP: Final = 0x300
NLA_TYPE_MASK: Final = 0x3FFF
NLA_F_NESTED: Final = 0x8000

HEADER: Final = struct.Struct("=IHHII")  # length, type, flags, sequence number, port
ATTRIBUTE: Final = struct.Struct("=HH")  # length, type

_CODE: Final = struct.Struct("=i")
_RECEIVE_BYTES: Final = 1 << 16  # the kernel sends a dump in pieces of at most 32 KiB


class Message(NamedTuple):
    """One netlink message."""

    type: int
    flags: int
    payload: bytes


class Piece(NamedTuple):
    """What one receive call gave of a list: payloads, and whether something changed while the list was made."""

    payloads: list[bytes]
    interrupted: bool


def messages(data: bytes) -> Iterator[Message]:
    """The messages in what one receive call gave."""
    offset = 0
    while offset < len(data):
        length, kind, flags, _, _ = HEADER.unpack_from(data, offset)
        yield Message(kind, flags, data[offset + HEADER.size : offset + length])
        offset += aligned(length)


def attributes(payload: bytes, offset: int = 0) -> dict[int, bytes]:
    """The attributes that begin at an offset, by type; of several of one type the last."""
    found: dict[int, bytes] = {}
    while offset + ATTRIBUTE.size <= len(payload):
        length, kind = ATTRIBUTE.unpack_from(payload, offset)
        found[kind & NLA_TYPE_MASK] = payload[offset + ATTRIBUTE.size : offset + length]
        offset += aligned(length)
    return found


def attribute(kind: int, value: bytes) -> bytes:
    """An attribute, as it stands in a message."""
    return ATTRIBUTE.pack(ATTRIBUTE.size + len(value), kind) + value + bytes(-len(value) % 4)


def nested(kind: int, *parts: bytes) -> bytes:
    """An attribute that consists of attributes."""
    return attribute(kind | NLA_F_NESTED, b"".join(parts))


def message(kind: int, flags: int, body: bytes) -> bytes:
    """A request. There is one at a time on a socket, so that it needs no number."""
    return HEADER.pack(HEADER.size + len(body), kind, NLM_F_REQUEST | flags, 0, 0) + body


def aligned(length: int) -> int:
    """Messages and attributes start at multiples of four bytes."""
    return (length + 3) & ~3


def refusal(payload: bytes, about: str) -> OSError | None:
    """The error that the payload of an NLMSG_ERROR message tells of; None where it says that all went well."""
    (code,) = _CODE.unpack_from(payload)
    return OSError(-code, f"{about}: {os.strerror(-code)}") if code else None


class NetlinkSocket:
    """A socket for requests to one family of the kernel, in the network namespace of the calling thread.

    Args:
        family: such as ``NETLINK_ROUTE``.
        about: what messages of errors begin with.

    Raises:
        OSError: The kernel refuses a netlink socket.
    """

    def __init__(self, family: int, about: str) -> None:
        self._about = about
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, family)
        self._socket.bind((0, 0))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Give the socket back."""
        self._socket.close()

    def dump(self, request: int, body: bytes) -> Iterator[Piece]:
        """A list, piece by piece: the kernel goes on with it only when the next piece is asked for.

        Raises:
            OSError: The kernel refuses.
        """
        self._socket.send(message(request, NLM_F_DUMP, body))
        while True:
            payloads: list[bytes] = []
            interrupted = done = False
            for each in messages(self._socket.recv(_RECEIVE_BYTES)):
                interrupted = interrupted or bool(each.flags & NLM_F_DUMP_INTR)
                if each.type == NLMSG_DONE:
                    done = True
                elif each.type == NLMSG_ERROR:
                    self._raise(each.payload)
                else:
                    payloads.append(each.payload)
            yield Piece(payloads, interrupted)
            if done:
                return

    def get(self, request: int, body: bytes) -> bytes:
        """The payload of the one message that answers a question.

        Raises:
            OSError: The kernel refuses, or there is no such thing (ENOENT).
        """
        self._socket.send(message(request, 0, body))
        answer = next(messages(self._socket.recv(_RECEIVE_BYTES)))
        if answer.type == NLMSG_ERROR:
            self._raise(answer.payload)
        return answer.payload

    def do(self, request: int, body: bytes, flags: int = 0) -> None:
        """Let the kernel do something, and wait until it has.

        Raises:
            OSError: The kernel refuses.
        """
        self._socket.send(message(request, NLM_F_ACK | flags, body))
        while (answer := next(messages(self._socket.recv(_RECEIVE_BYTES)))).type != NLMSG_ERROR:
            pass  # what is told beside the answer
        self._raise(answer.payload)

    def _raise(self, payload: bytes) -> None:
        if error := refusal(payload, self._about):
            raise error
