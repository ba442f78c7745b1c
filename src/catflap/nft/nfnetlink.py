"""The bytes of nf_tables' messages over netlink, for what libnftables does not offer or does slowly.

That is generation ids, events, the content of chains as the kernel tells it, and single elements of large sets. Names
are those of the kernel's headers (linux/netfilter/nf_tables.h, nfnetlink.h). No I/O here (see `nfsocket`), and nothing
that knows our table.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

import msgspec

NFNL_SUBSYS_NFTABLES: Final = 10
NFNL_MSG_BATCH_BEGIN: Final = 16
NFNL_MSG_BATCH_END: Final = 17
NFNL_BATCH_GENID: Final = 1
NFPROTO_UNSPEC: Final = 0
NFPROTO_INET: Final = 1

NLMSG_ERROR: Final = 2
NLMSG_DONE: Final = 3
NLM_F_REQUEST: Final = 0x1
NLM_F_ACK: Final = 0x4
NLM_F_DUMP_INTR: Final = 0x10
NLM_F_DUMP: Final = 0x300
NLM_F_EXCL: Final = 0x200
NLM_F_CREATE: Final = 0x400
NLM_F_APPEND: Final = 0x800
NLA_F_NESTED: Final = 0x8000
NLA_TYPE_MASK: Final = 0x3FFF

NFT_MSG_NEWTABLE: Final = 0
NFT_MSG_GETTABLE: Final = 1
NFT_MSG_DELTABLE: Final = 2
NFT_MSG_NEWCHAIN: Final = 3
NFT_MSG_GETCHAIN: Final = 4
NFT_MSG_DELCHAIN: Final = 5
NFT_MSG_NEWRULE: Final = 6
NFT_MSG_GETRULE: Final = 7
NFT_MSG_DELRULE: Final = 8
NFT_MSG_NEWSET: Final = 9
NFT_MSG_GETSET: Final = 10
NFT_MSG_DELSET: Final = 11
NFT_MSG_NEWSETELEM: Final = 12
NFT_MSG_GETSETELEM: Final = 13
NFT_MSG_DELSETELEM: Final = 14
NFT_MSG_NEWGEN: Final = 15
NFT_MSG_GETGEN: Final = 16
NFT_MSG_GETOBJ: Final = 19

NFTA_GEN_ID: Final = 1
NFTA_GEN_PROC_PID: Final = 2
NFTA_GEN_PROC_NAME: Final = 3
NFTA_LIST_ELEM: Final = 1

HEADER: Final = struct.Struct("=IHHII")  # struct nlmsghdr: length, type, flags, sequence number, port
NFGENMSG: Final = struct.Struct(">BBH")  # struct nfgenmsg: family, version, resource
ATTRIBUTE: Final = struct.Struct("=HH")  # struct nlattr: length, type


class Generation(msgspec.Struct, frozen=True):
    """A state of a namespace's nf_tables. Every commit makes a new one, with an ``id`` that is greater by one.

    Attributes:
        id: its number; after 32 bits it begins anew.
        thread: who made it: the id of a thread, not of its process, in the machine's own process namespace.
        name: that thread's name, which is mostly the program's.
    """

    id: int
    thread: int
    name: str


class Message(NamedTuple):
    """One message of nf_tables: ``type`` is one of NFT_MSG_*, ``body`` what follows the family.

    Other messages of netlink, such as errors, have a ``subsystem`` of 0 and all of their content in ``body``.
    """

    subsystem: int
    type: int
    flags: int
    sequence: int
    port: int
    family: int
    body: bytes


class Request(NamedTuple):
    """A change for a batch, such as NFT_MSG_NEWSETELEM with NLM_F_CREATE."""

    type: int
    flags: int
    body: bytes
    family: int = NFPROTO_INET


def attribute(kind: int, value: bytes) -> bytes:
    """An attribute, padded as the next one needs it."""
    length = ATTRIBUTE.size + len(value)
    return ATTRIBUTE.pack(length, kind) + value + bytes(-length % 4)


def nested(kind: int, *parts: bytes) -> bytes:
    """An attribute made of attributes."""
    return attribute(kind | NLA_F_NESTED, b"".join(parts))


def text(kind: int, value: str) -> bytes:
    """An attribute that holds text."""
    return attribute(kind, os.fsencode(value) + b"\0")


def u32(kind: int, value: int) -> bytes:
    """An attribute that holds a number of 32 bits, as nf_tables writes them: most significant byte first."""
    return attribute(kind, value.to_bytes(4))


def u64(kind: int, value: int) -> bytes:
    """An attribute that holds a number of 64 bits."""
    return attribute(kind, value.to_bytes(8))


def attribute_list(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Types and values of all attributes, in order. What is cut off or broken ends the list."""
    offset = 0
    while offset + ATTRIBUTE.size <= len(data):
        length, kind = ATTRIBUTE.unpack_from(data, offset)
        if length < ATTRIBUTE.size:
            return
        yield kind & NLA_TYPE_MASK, data[offset + ATTRIBUTE.size : offset + length]
        offset += _aligned(length)


def attributes(data: bytes) -> dict[int, bytes]:
    """Attributes by type, where no type occurs twice."""
    return dict(attribute_list(data))


def read_text(value: bytes | None) -> str:
    """The text of an attribute; empty where it is missing."""
    return os.fsdecode((value or b"").rstrip(b"\0"))


def read_number(value: bytes | None) -> int:
    """The number of an attribute; 0 where it is missing."""
    return int.from_bytes(value or b"")


def message(request: Request, sequence: int = 0) -> bytes:
    """A request to nf_tables."""
    kind = NFNL_SUBSYS_NFTABLES << 8 | request.type
    return _message(kind, request.flags, sequence, NFGENMSG.pack(request.family, 0, 0) + request.body)


def messages(data: bytes) -> Iterator[Message]:
    """The messages in what one receive call gave. What is cut off or broken ends them."""
    offset = 0
    while offset + HEADER.size <= len(data):
        length, kind, flags, sequence, port = HEADER.unpack_from(data, offset)
        if length < HEADER.size:
            return
        body = data[offset + HEADER.size : offset + length]
        if kind >> 8 and len(body) >= NFGENMSG.size:
            yield Message(kind >> 8, kind & 0xFF, flags, sequence, port, body[0], body[NFGENMSG.size :])
        else:
            yield Message(0, kind, flags, sequence, port, NFPROTO_UNSPEC, body)
        offset += _aligned(length)


def batch(requests: Sequence[Request], generation: int | None = None) -> bytes:
    """All requests as one transaction; only the last one asks for an answer. Sequence numbers count from 1.

    Args:
        requests: at least one.
        generation: the kernel refuses the batch where its generation is another one.
    """
    condition = b"" if generation is None else u32(NFNL_BATCH_GENID, generation)
    edge = NFGENMSG.pack(NFPROTO_UNSPEC, 0, NFNL_SUBSYS_NFTABLES)
    last = len(requests)
    parts = [_message(NFNL_MSG_BATCH_BEGIN, NLM_F_REQUEST, 0, edge + condition)]
    for sequence, request in enumerate(requests, 1):
        flags = request.flags | NLM_F_REQUEST | (NLM_F_ACK if sequence == last else 0)
        parts.append(message(request._replace(flags=flags), sequence))
    parts.append(_message(NFNL_MSG_BATCH_END, NLM_F_REQUEST, last + 1, edge))
    return b"".join(parts)


def generation_of(body: bytes) -> Generation:
    """What the body of an NFT_MSG_NEWGEN message says."""
    found = attributes(body)
    return Generation(
        read_number(found.get(NFTA_GEN_ID)),
        read_number(found.get(NFTA_GEN_PROC_PID)),
        read_text(found.get(NFTA_GEN_PROC_NAME)),
    )


def _message(kind: int, flags: int, sequence: int, payload: bytes) -> bytes:
    length = HEADER.size + len(payload)
    return HEADER.pack(length, kind, flags, sequence, 0) + payload + bytes(-length % 4)


def _aligned(length: int) -> int:
    """Messages and attributes start at multiples of four bytes."""
    return (length + 3) & ~3
