"""Elements of sets and maps as nf_tables' own messages, which cost as much as the change does.

nft's user space lists a whole set before it changes one element of it, and takes 60 ms for each network that it deletes
from 50,000. An interval has two elements in the kernel, its first value and the one after its last; where there is no
value after its last it has one. Only types that our sets have are known. No I/O here.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Final, TypeAlias

from catflap.nft.nfnetlink import (
    ATTRIBUTE,
    NFT_MSG_DELSETELEM,
    NFT_MSG_NEWSETELEM,
    NFTA_LIST_ELEM,
    NLM_F_CREATE,
    Request,
    attribute,
    nested,
    text,
    u32,
)
from catflap.nft.port import ElementChange
from catflap.nft.ruleset import CONCATENATION, TABLE_NAME

NFTA_SET_ELEM_LIST_TABLE: Final = 1
NFTA_SET_ELEM_LIST_SET: Final = 2
NFTA_SET_ELEM_LIST_ELEMENTS: Final = 3
NFTA_SET_ELEM_KEY: Final = 1
NFTA_SET_ELEM_DATA: Final = 2
NFTA_SET_ELEM_FLAGS: Final = 3
NFTA_SET_ELEM_USERDATA: Final = 6
NFTA_DATA_VALUE: Final = 1
NFTA_DATA_VERDICT: Final = 2
NFTA_VERDICT_CODE: Final = 1
NFTA_VERDICT_CHAIN: Final = 2
NFT_SET_ELEM_INTERVAL_END: Final = 1

_END: Final = u32(NFTA_SET_ELEM_FLAGS, NFT_SET_ELEM_INTERVAL_END)
# What nft notes down where an interval has no end: NFTNL_UDATA_SET_ELEM_FLAGS, 4 bytes, NFTNL_SET_ELEM_F_INTERVAL_OPEN.
_OPEN: Final = attribute(NFTA_SET_ELEM_USERDATA, bytes((1, 4, 1, 0, 0, 0)))
_VERDICTS: Final = {"drop": 0, "accept": 1, "continue": -1, "jump": -3, "goto": -4, "return": -5}
_IFNAMSIZ: Final = 16  # bytes of the name of an interface
_MOST_BYTES: Final = 60_000  # of elements in one message, whose length has 16 bits


def _address4(value: str) -> bytes:
    return socket.inet_aton(value)


def _address6(value: str) -> bytes:
    return socket.inet_pton(socket.AF_INET6, value)


def _interface(value: str) -> bytes:
    return os.fsencode(value).ljust(_IFNAMSIZ, b"\0")


def _protocol(value: str) -> bytes:
    return int(value).to_bytes(1)


def _port(value: str) -> bytes:
    return int(value).to_bytes(2)


_Encoder: TypeAlias = Callable[[str], bytes]

_ENCODERS: Final[Mapping[str, _Encoder]] = {
    "ipv4_addr": _address4,
    "ipv6_addr": _address6,
    "inet_proto": _protocol,
    "inet_service": _port,
    "ifname": _interface,
}


_SIZES: Final = {
    "ipv4_addr": 4,
    "ipv6_addr": 16,
    "inet_service": 2,
}  # bytes of values that intervals are made of


def is_known(type_: str, *, interval: bool) -> bool:
    """Whether elements of such a set can be written."""
    return type_ in _SIZES if interval else all(part in _ENCODERS for part in type_.split(CONCATENATION))


def requests(changes: Iterable[ElementChange]) -> Iterator[Request]:
    """The messages of a transaction.

    Raises:
        ValueError: an element is not of the set's type, or the type is not known.
    """
    for change in changes:
        encode = _intervals if change.interval else _values
        added = _mappings(change) if change.verdicts else encode(change.type, change.added)
        for kind, flags, elements in (
            (NFT_MSG_DELSETELEM, 0, encode(change.type, change.removed)),
            (NFT_MSG_NEWSETELEM, NLM_F_CREATE, added),
        ):
            for part in _parts(elements):
                yield Request(kind, flags, _body(change.name, part))


def _body(name: str, elements: Sequence[bytes]) -> bytes:
    return (
        text(NFTA_SET_ELEM_LIST_TABLE, TABLE_NAME)
        + text(NFTA_SET_ELEM_LIST_SET, name)
        + nested(NFTA_SET_ELEM_LIST_ELEMENTS, *elements)
    )


def _parts(elements: Iterable[bytes]) -> Iterator[list[bytes]]:
    """Lists that each fit into one message."""
    part: list[bytes] = []
    size = 0
    for element in elements:
        if size + len(element) > _MOST_BYTES:
            yield part
            part, size = [], 0
        part.append(element)
        size += len(element)
    if part:
        yield part


def _mappings(change: ElementChange) -> Iterator[bytes]:
    """Keys with their verdicts."""
    keys = list(change.added)
    for key, element in zip(keys, _keys(change.type, keys), strict=True):
        yield _element(element, _verdict(change.verdicts[key]))


@lru_cache(maxsize=4096)
def _verdict(text_: str) -> bytes:
    word, _, chain = text_.partition(" ")
    code = u32(NFTA_VERDICT_CODE, _VERDICTS[word] & 0xFFFFFFFF)
    target = text(NFTA_VERDICT_CHAIN, chain) if chain else b""
    return nested(NFTA_SET_ELEM_DATA, nested(NFTA_DATA_VERDICT, code, target))


def _values(type_: str, elements: Iterable[str]) -> Iterator[bytes]:
    return map(_element, _keys(type_, elements))


def _keys(type_: str, elements: Iterable[str]) -> Iterator[bytes]:
    encoders = _encoders(type_)
    if len(encoders) == 1:
        return map(encoders[0], elements)
    return (_concatenation(encoders, element) for element in elements)


def _concatenation(encoders: Sequence[_Encoder], element: str) -> bytes:
    """The parts, each filled up to whole words."""
    values = [encoder(part) for encoder, part in zip(encoders, element.split(CONCATENATION), strict=True)]
    return b"".join(value + bytes(-len(value) % 4) for value in values)


def _intervals(type_: str, elements: Iterable[str]) -> Iterator[bytes]:
    """Both elements of each interval, in order."""
    (encoder,) = _encoders(type_)
    size = _SIZES[type_]
    beyond = 1 << 8 * size
    for first, after in sorted(_interval(element, encoder, 8 * size) for element in elements):
        if after == beyond:
            yield _element(first.to_bytes(size), _OPEN)
        else:
            yield _element(first.to_bytes(size))
            yield _element(after.to_bytes(size), _END)


def _interval(element: str, encoder: _Encoder, bits: int) -> tuple[int, int]:
    """The first value and the one after the last."""
    address, slash, length = element.partition("/")
    if slash:
        first = int.from_bytes(encoder(address))
        return first, first + (1 << bits - int(length))
    low, _, high = element.partition("-")
    first = int.from_bytes(encoder(low))
    return first, int.from_bytes(encoder(high)) + 1 if high else first + 1


def _encoders(type_: str) -> list[_Encoder]:
    try:
        return [_ENCODERS[part] for part in type_.split(CONCATENATION)]
    except KeyError as error:
        raise ValueError(f"elements of type {error.args[0]} cannot be written") from None


def _element(key: bytes, more: bytes = b"") -> bytes:
    return _head(len(key), len(more)) + key + bytes(-len(key) % 4) + more


@lru_cache(maxsize=256)
def _head(key: int, more: int) -> bytes:
    """What stands before a key in an element, which depends on lengths alone: most of the bytes of most elements."""
    whole = nested(
        NFTA_LIST_ELEM, nested(NFTA_SET_ELEM_KEY, attribute(NFTA_DATA_VALUE, bytes(key))), bytes(more)
    )
    return whole[: 3 * ATTRIBUTE.size]
