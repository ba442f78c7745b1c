"""Elements of sets and maps as the kernel lists them, read as the nft text that rule sets are made of.

Only the types that our sets and maps have are known. An element of another kind becomes a text that none of ours is.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterable, Iterator, Sequence
from typing import Final, NamedTuple

from catflap.nft.nfnetlink import ATTRIBUTE, NLA_TYPE_MASK, attribute_list, attributes, read_number, read_text
from catflap.nft.ruleset import CONCATENATION, INTERVAL

NFTA_SET_ELEM_LIST_ELEMENTS: Final = 3
NFTA_SET_ELEM_KEY: Final = 1
NFTA_SET_ELEM_DATA: Final = 2
NFTA_SET_ELEM_FLAGS: Final = 3
NFTA_SET_ELEM_KEY_END: Final = 10
NFT_SET_ELEM_INTERVAL_END: Final = 1
NFT_SET_ELEM_CATCHALL: Final = 2
NFTA_DATA_VERDICT: Final = 2
NFTA_VERDICT_CODE: Final = 1
NFTA_VERDICT_CHAIN: Final = 2

VERDICTS: Final = {0: "drop", 1: "accept", -1: "continue", -3: "jump", -4: "goto", -5: "return"}
# The parts of keys: nft's number of the type, and bytes. In a key of several each fills a multiple of four bytes.
TYPES: Final = {
    "ipv4_addr": (7, 4),
    "ipv6_addr": (8, 16),
    "inet_proto": (12, 1),
    "inet_service": (13, 2),
    "mark": (19, 4),
    "ifname": (41, 16),
}
_ADDRESSES: Final = {"ipv4_addr": socket.AF_INET, "ipv6_addr": socket.AF_INET6}
_CATCHALL: Final = "*"


class Element(NamedTuple):
    """An element, or one edge of an interval, as the kernel lists it."""

    key: bytes
    key_end: bytes | None
    flags: int
    data: bytes | None


def element_texts(type_: str, flags: Iterable[str], found: Sequence[Element]) -> dict[str, str]:
    """The elements of a set (to empty text) or of a verdict map (to the verdict).

    Args:
        type_: of the keys, as in a rule set.
        flags: of the set or map.
        found: everything that the kernel lists of it.
    """
    types = type_.split(CONCATENATION)
    if INTERVAL in flags and not types[1:]:
        return {_range(types[0], first, last): _verdict(data) for first, last, data in _spans(found)}
    if INTERVAL not in flags and not types[1:]:
        write = _WRITERS.get(type_, bytes.hex)
        return {
            _CATCHALL if item.flags & NFT_SET_ELEM_CATCHALL else write(item.key): _verdict(item.data)
            for item in found
        }
    return {_concatenation(types, item): _verdict(item.data) for item in found}


def elements_of(bodies: Iterable[bytes]) -> Iterator[Element]:
    """What the bodies of NFT_MSG_NEWSETELEM messages list."""
    for body in bodies:
        for _, raw in attribute_list(attributes(body).get(NFTA_SET_ELEM_LIST_ELEMENTS, b"")):
            length, kind = ATTRIBUTE.unpack_from(raw)
            if kind & NLA_TYPE_MASK == NFTA_SET_ELEM_KEY and length + 3 & ~3 == len(raw):
                yield Element(_value(raw[ATTRIBUTE.size :]), None, 0, None)  # most are nothing but a key
                continue
            parts = attributes(raw)
            end = parts.get(NFTA_SET_ELEM_KEY_END)
            yield Element(
                _value(parts.get(NFTA_SET_ELEM_KEY, b"")),
                None if end is None else _value(end),
                read_number(parts.get(NFTA_SET_ELEM_FLAGS)),
                parts.get(NFTA_SET_ELEM_DATA),
            )


def _value(data: bytes) -> bytes:
    """The content of a NFTA_DATA_VALUE attribute, the only one of a key."""
    return data[ATTRIBUTE.size : ATTRIBUTE.unpack_from(data)[0]] if data else b""


def _verdict(data: bytes | None) -> str:
    """A verdict as nft text; empty where there is none; of data of another kind any text."""
    if data is None:
        return ""
    verdict = attributes(data).get(NFTA_DATA_VERDICT)
    if verdict is None:
        return data.hex()
    parts = attributes(verdict)
    code = int.from_bytes(parts.get(NFTA_VERDICT_CODE, b""), signed=True)
    return " ".join(filter(None, (VERDICTS.get(code, str(code)), read_text(parts.get(NFTA_VERDICT_CHAIN)))))


def _spans(found: Sequence[Element]) -> Iterator[tuple[bytes, bytes, bytes | None]]:
    """First and last value of intervals. The kernel lists starts and, one behind each last value, ends."""
    start: Element | None = None
    ends_first = sorted(found, key=lambda item: (item.key, not item.flags & NFT_SET_ELEM_INTERVAL_END))
    for item in ends_first:
        if not item.flags & NFT_SET_ELEM_INTERVAL_END:
            start = item
        elif start is not None:
            last = int.from_bytes(item.key) - 1
            yield start.key, last.to_bytes(len(item.key)), start.data
            start = None
    if start is not None:
        yield start.key, b"\xff" * len(start.key), start.data


def _concatenation(types: Sequence[str], item: Element) -> str:
    if item.flags & NFT_SET_ELEM_CATCHALL:
        return _CATCHALL
    texts, offset = [], 0
    for type_ in types:
        size = TYPES.get(type_, (0, len(item.key) - offset))[1]
        first = item.key[offset : offset + size]
        last = first if item.key_end is None else item.key_end[offset : offset + size]
        texts.append(_range(type_, first, last))
        offset += (size + 3) & ~3
    return CONCATENATION.join(texts)


def _range(type_: str, first: bytes, last: bytes) -> str:
    """A value, a range, or of addresses a network where it is one."""
    write = _WRITERS.get(type_, bytes.hex)
    if first == last:
        return write(first)
    if type_ in _ADDRESSES:
        low, high = int.from_bytes(first), int.from_bytes(last)
        size = high - low + 1
        if size & (size - 1) == 0 and low % size == 0:
            return f"{write(first)}/{len(first) * 8 - size.bit_length() + 1}"
    return f"{write(first)}-{write(last)}"


def _ipv4(value: bytes) -> str:
    return socket.inet_ntop(socket.AF_INET, value) if len(value) == TYPES["ipv4_addr"][1] else value.hex()


def _ipv6(value: bytes) -> str:
    """As Python writes it: the C library and some versions of Python write IPv4-mapped addresses with dots."""
    if len(value) != TYPES["ipv6_addr"][1]:
        return value.hex()
    text = socket.inet_ntop(socket.AF_INET6, value)
    return str(ipaddress.IPv6Address(value)) if "." in text else text


def _number(value: bytes) -> str:
    return str(int.from_bytes(value))


_WRITERS: Final = {
    "ipv4_addr": _ipv4,
    "ipv6_addr": _ipv6,
    "inet_proto": _number,
    "inet_service": _number,
    "ifname": read_text,
}
