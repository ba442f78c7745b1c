"""How policies reach the process that works with them, and what it tells in the end.

A policy is written as frames, so that a large one need not be written at once: everything but the sets of addresses,
then each of these, then an empty frame. The result is one JSON document.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import BinaryIO, Final

import msgspec
from msgspec.structs import replace

from catflap.policy.host_policy import HostPolicy, IpSet

_LENGTH: Final = struct.Struct("!I")


class Outcome(msgspec.Struct):
    """What a run has done.

    Attributes:
        policies: how many policies it has taken over.
        checked: connections that were judged; in a run with several policies by the last one.
        kept: those that policy allows, or that it does not concern.
        ended: those that were ended, by any of the policies.
        unsure: those that were kept because nobody knows by which interface they come, or who began them.
        sockets: local sockets that were closed.
        returned: ended connections that the other side's packets brought back, each time that it was looked for them.
        seconds: from the first policy to the end.
        examples: some of those that were ended, with the reason.
        problems: what the kernel refused.
    """

    policies: int = 1
    checked: int = 0
    kept: int = 0
    ended: int = 0
    unsure: int = 0
    sockets: int = 0
    returned: int = 0
    seconds: float = 0.0
    examples: list[str] = []
    problems: list[str] = []


def frames(policy: HostPolicy) -> Iterator[bytes]:
    """A policy, to be written."""
    yield _frame(msgspec.msgpack.encode(replace(policy, ip_sets={})))
    for ip_set in policy.ip_sets.values():
        yield _frame(msgspec.msgpack.encode(ip_set))
    yield _frame(b"")


def read_policy(stream: BinaryIO) -> HostPolicy:
    """The next policy.

    Raises:
        EOFError: the stream has ended.
    """
    policy = msgspec.msgpack.decode(_read_frame(stream), type=HostPolicy)
    ip_sets = {}
    while content := _read_frame(stream):
        ip_set = msgspec.msgpack.decode(content, type=IpSet)
        ip_sets[ip_set.id] = ip_set
    return replace(policy, ip_sets=ip_sets)


def _frame(content: bytes) -> bytes:
    return _LENGTH.pack(len(content)) + content


def _read_frame(stream: BinaryIO) -> bytes:
    (length,) = _LENGTH.unpack(_read(stream, _LENGTH.size))
    return _read(stream, length)


def _read(stream: BinaryIO, size: int) -> bytes:
    content = bytearray()
    while len(content) < size:
        part = stream.read(size - len(content))
        if not part:
            raise EOFError("nobody wants existing connections to be rechecked any more")
        content += part
    return bytes(content)
