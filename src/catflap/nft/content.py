"""What the kernel really holds of our table, from its own words: an outline, and a digest of each chain's rules.

A digest covers the expressions and comments of all rules in order, so a rule that was replaced by another one with
the same comment shows. It leaves out what packets change (counters), and handles. It is only compared with digests of
the same kernel, of the same rules: the text that made a rule cannot be had from them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from typing import Final

import msgspec

from catflap.nft.elements import TYPES
from catflap.nft.nfnetlink import (
    ATTRIBUTE,
    attribute,
    attribute_list,
    attributes,
    read_number,
    read_text,
    u32,
)
from catflap.nft.ruleset import CONCATENATION, INTERVAL, Hook, NftSet, VerdictMap

NFTA_TABLE_NAME: Final = 1
NFTA_TABLE_FLAGS: Final = 2
NFT_TABLE_F_DORMANT: Final = 0x1
NFT_TABLE_F_OWNER: Final = 0x2

NFTA_CHAIN_TABLE: Final = 1
NFTA_CHAIN_NAME: Final = 3
NFTA_CHAIN_HOOK: Final = 4
NFTA_CHAIN_POLICY: Final = 5
NFTA_CHAIN_TYPE: Final = 7
NFTA_HOOK_HOOKNUM: Final = 1
NFTA_HOOK_PRIORITY: Final = 2

NFTA_RULE_TABLE: Final = 1
NFTA_RULE_CHAIN: Final = 2
NFTA_RULE_HANDLE: Final = 3
NFTA_RULE_EXPRESSIONS: Final = 4
NFTA_RULE_POSITION: Final = 6
NFTA_EXPR_NAME: Final = 1

NFTA_SET_TABLE: Final = 1
NFTA_SET_NAME: Final = 2
NFTA_SET_FLAGS: Final = 3
NFTA_SET_KEY_TYPE: Final = 4
NFTA_SET_DATA_TYPE: Final = 6
NFTA_SET_DESC: Final = 9
NFTA_SET_DESC_SIZE: Final = 1
NFT_SET_ANONYMOUS: Final = 0x1
NFT_SET_INTERVAL: Final = 0x4
NFT_SET_MAP: Final = 0x8
NFT_DATA_VERDICT: Final = 0xFFFFFF00

NFTA_OBJ_TABLE: Final = 1
NFTA_OBJ_NAME: Final = 2
NFTA_OBJ_TYPE: Final = 3
NFTA_OBJ_DATA: Final = 4
NFT_OBJECT_COUNTER: Final = 1
NFTA_COUNTER_BYTES: Final = 1
NFTA_COUNTER_PACKETS: Final = 2

OF_COUNTERS: Final = u32(NFTA_OBJ_TYPE, NFT_OBJECT_COUNTER)  # asks for objects of this kind

_HOOKS: Final = ("prerouting", "input", "forward", "output", "postrouting", "ingress")  # enum nf_inet_hooks
_POLICIES: Final = ("drop", "accept")
_SET_FLAGS: Final = {
    0x2: "constant",
    NFT_SET_INTERVAL: INTERVAL,
    0x10: "timeout",
    0x20: "dynamic",
    0x40: "objects",
}
_TYPES: Final = {number: name for name, (number, _) in TYPES.items()}
_BITS_OF_A_TYPE: Final = 6  # nft packs the numbers of the parts of a type into one
_PLACE: Final = frozenset({NFTA_RULE_TABLE, NFTA_RULE_HANDLE, NFTA_RULE_POSITION})
_CHANGED_BY_PACKETS: Final = frozenset({b"counter\0", b"quota\0", b"last\0"})

NO_RULES: Final = ""  # the digest of a chain without rules


class CounterValue(msgspec.Struct, frozen=True):
    """What a counter has counted since it was made."""

    packets: int = 0
    bytes: int = 0


class Outline(msgspec.Struct, frozen=True):
    """The table without rules and elements.

    ``dormant``: none of its chains is asked about any packet. ``owned``: only one socket may change it, and it is none
    of ours.
    """

    dormant: bool = False
    owned: bool = False
    hooks: Mapping[str, Hook | None] = {}
    sets: Mapping[str, NftSet] = {}
    maps: Mapping[str, VerdictMap] = {}
    counters: frozenset[str] = frozenset()


def outline_of(
    table: bytes, chains: Iterable[bytes], sets: Iterable[bytes], counters: Iterable[str] = ()
) -> Outline:
    """From the bodies of NFT_MSG_NEWTABLE, NFT_MSG_NEWCHAIN and NFT_MSG_NEWSET messages, and names of counters."""
    described = [
        item
        for body in sets
        if not read_number((item := attributes(body)).get(NFTA_SET_FLAGS)) & NFT_SET_ANONYMOUS
    ]
    found = [_map(item) if _is_map(item) else _set(item) for item in described]
    flags = read_number(attributes(table).get(NFTA_TABLE_FLAGS))
    return Outline(
        bool(flags & NFT_TABLE_F_DORMANT),
        bool(flags & NFT_TABLE_F_OWNER),
        dict(_chain(attributes(body)) for body in chains),
        {item.name: item for item in found if isinstance(item, NftSet)},
        {item.name: item for item in found if isinstance(item, VerdictMap)},
        frozenset(counters),
    )


def counter_values(objects: Iterable[bytes]) -> dict[str, CounterValue]:
    """From the bodies of NFT_MSG_NEWOBJ messages: what the counters among them have counted, by name."""
    found = {}
    for body in objects:
        item = attributes(body)
        if read_number(item.get(NFTA_OBJ_TYPE)) == NFT_OBJECT_COUNTER:
            data = attributes(item.get(NFTA_OBJ_DATA, b""))
            found[read_text(item.get(NFTA_OBJ_NAME))] = CounterValue(
                read_number(data.get(NFTA_COUNTER_PACKETS)), read_number(data.get(NFTA_COUNTER_BYTES))
            )
    return found


def chain_digests(rules: Iterable[bytes]) -> dict[str, str]:
    """From the bodies of NFT_MSG_NEWRULE messages in order: a digest for each chain that has rules."""
    chains: dict[bytes, list[bytes]] = {}
    for body in rules:
        name, content = _rule(body)
        chains.setdefault(name, []).append(_lasting(content))
    return {
        read_text(name): hashlib.blake2b(b"".join(contents), digest_size=16).hexdigest()
        for name, contents in chains.items()
    }


def _rule(body: bytes) -> tuple[bytes, bytes]:
    """The name of the chain, and the attributes of the rule itself, which follow those of its place."""
    name, offset = b"", 0
    while offset + ATTRIBUTE.size <= len(body):
        length, kind = ATTRIBUTE.unpack_from(body, offset)
        if kind == NFTA_RULE_CHAIN:
            name = body[offset + ATTRIBUTE.size : offset + length]
        elif kind not in _PLACE:
            break
        offset += length + 3 & ~3
    return name, body[offset:]


def _lasting(rule: bytes) -> bytes:
    """The attributes of a rule without what packets change."""
    if not any(name in rule for name in _CHANGED_BY_PACKETS):
        return rule
    parts = []
    for kind, value in attribute_list(rule):
        for inner, expression in attribute_list(value) if kind == NFTA_RULE_EXPRESSIONS else [(0, value)]:
            name = attributes(expression).get(NFTA_EXPR_NAME, b"") if inner else b""
            parts.append(attribute(kind, name if name in _CHANGED_BY_PACKETS else expression))
    return b"".join(parts)


def _chain(item: Mapping[int, bytes]) -> tuple[str, Hook | None]:
    name = read_text(item.get(NFTA_CHAIN_NAME))
    if NFTA_CHAIN_HOOK not in item:
        return name, None
    hook = attributes(item[NFTA_CHAIN_HOOK])
    return name, Hook(
        _word(_HOOKS, read_number(hook.get(NFTA_HOOK_HOOKNUM))),
        int.from_bytes(hook.get(NFTA_HOOK_PRIORITY, b""), signed=True),
        read_text(item.get(NFTA_CHAIN_TYPE)),
        _word(_POLICIES, read_number(item.get(NFTA_CHAIN_POLICY))),
    )


def _is_map(item: Mapping[int, bytes]) -> bool:
    return bool(read_number(item.get(NFTA_SET_FLAGS)) & NFT_SET_MAP)


def _set(item: Mapping[int, bytes]) -> NftSet:
    return NftSet(read_text(item.get(NFTA_SET_NAME)), _type(item), _flags(item))


def _map(item: Mapping[int, bytes]) -> VerdictMap:
    """A map to something else than verdicts gets a type that none of ours has, see `read.existing`."""
    data = read_number(item.get(NFTA_SET_DATA_TYPE))
    type_ = _type(item) if data == NFT_DATA_VERDICT else f"{_type(item)} {data}"
    return VerdictMap(read_text(item.get(NFTA_SET_NAME)), type_, flags=_flags(item))


def _flags(item: Mapping[int, bytes]) -> tuple[str, ...]:
    """The flags; a limit of size counts as one, as it is none that can be changed."""
    bits = read_number(item.get(NFTA_SET_FLAGS))
    limited = NFTA_SET_DESC_SIZE in attributes(item.get(NFTA_SET_DESC, b""))
    return (*(word for bit, word in _SET_FLAGS.items() if bits & bit), *(["size"] if limited else []))


def _type(item: Mapping[int, bytes]) -> str:
    """The type of the keys as nft text."""
    number = read_number(item.get(NFTA_SET_KEY_TYPE))
    parts = []
    while number:
        part = number % (1 << _BITS_OF_A_TYPE)
        parts.append(_TYPES.get(part, str(part)))
        number >>= _BITS_OF_A_TYPE
    return CONCATENATION.join(reversed(parts))


def _word(words: tuple[str, ...], number: int) -> str:
    return words[number] if number < len(words) else str(number)
