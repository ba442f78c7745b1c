"""What the kernel shall hold, as a value: the sets, verdict maps and chains of the one table `inet catflap`.

Rules are nft text and never looked into. This module must never know policy, and never any table but ours.

The text is made of blocks as ``nft list`` prints them. A rule stands on a line of its own: nft 1.0.6 takes a rule
directly before a closing brace for a syntax error.
"""

from __future__ import annotations

import socket
from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from typing import TypeAlias

import msgspec

FAMILY, TABLE_NAME = "inet", "catflap"
TABLE = f"{FAMILY} {TABLE_NAME}"
INTERFACE = "ifname"  # the type whose values stand in quotes
INTERVAL = "interval"  # the flag of a set whose elements may be networks or ranges
FIXED = "match-"  # begins the names of chains and maps that are named after their content
TRACKING = "connection-tracking"  # the chain by which a rule set makes the kernel track connections
READABLE = 1_000  # elements that somebody may want to read in one list
CONCATENATION = " . "  # between the parts of a type, field or element that is made of several


class NftSet(msgspec.Struct, frozen=True):
    """A named set. ``elements`` are canonical nft text: ``10.0.0.1``, ``10.0.0.0/8``, ``80-90``, ``10.0.0.1 . 6 . 80``.

    The elements of an interval set do not overlap. A comment cannot be changed in place, so it is not compared.
    """

    name: str
    type: str
    flags: tuple[str, ...] = ()
    elements: AbstractSet[str] = frozenset()
    comment: str = ""

    @property
    def shape(self) -> tuple[str, tuple[str, ...]]:
        """What cannot be changed in place."""
        return self.type, self.flags


class VerdictMap(msgspec.Struct, frozen=True):
    """A named map from a key, as nft text without quotes, to a verdict (``goto in-eth0``)."""

    name: str
    type: str
    elements: Mapping[str, str] = {}
    flags: tuple[str, ...] = ()

    @property
    def fixed(self) -> bool:
        """Whether it is named after its content, and there before anything refers to it."""
        return self.name.startswith(FIXED)

    @property
    def shape(self) -> tuple[str, tuple[str, ...]]:
        """What cannot be changed in place."""
        return self.type, self.flags


class Hook(msgspec.Struct, frozen=True):
    """Where a base chain meets the packets."""

    hook: str
    priority: int
    type: str = "filter"
    policy: str = "accept"


class Chain(msgspec.Struct, frozen=True):
    """A chain and its rules; a base chain has a hook."""

    name: str
    rules: tuple[str, ...] = ()
    hook: Hook | None = None

    @property
    def fixed(self) -> bool:
        """See `VerdictMap.fixed`."""
        return self.name.startswith(FIXED)


class RuleSet(msgspec.Struct, frozen=True):
    """All of the table, by name. With nothing in it there shall be no table.

    One with rules that ask for the state of connections has a chain `TRACKING`. ``counters`` are the names of counters
    that rules refer to.
    """

    sets: Mapping[str, NftSet] = {}
    maps: Mapping[str, VerdictMap] = {}
    chains: Mapping[str, Chain] = {}
    counters: frozenset[str] = frozenset()

    def __bool__(self) -> bool:
        return bool(self.sets or self.maps or self.chains)

    def text(self) -> str:
        """The whole for ``nft -f``, where the table does not exist yet. Empty text for an empty rule set."""
        if not self:
            return ""
        return block(self.sets.values(), self.maps.values(), self.chains.values(), self.counters)


SetOrMap: TypeAlias = NftSet | VerdictMap


def block(
    sets: Iterable[NftSet],
    maps: Iterable[VerdictMap],
    chains: Iterable[Chain],
    counters: Iterable[str] = (),
) -> str:
    """Commands that add the objects to the table and create the table if needed.

    nft takes the chains of a block first, then counters, sets and maps, then the rules: references may point forward.
    """
    parts = [
        *([f"counter {name} {{", "}"] for name in sorted(counters)),
        *(_set_lines(item) for item in sorted(sets, key=lambda item: item.name)),
        *(_map_lines(item) for item in maps),
        *(_chain_lines(item) for item in chains),
    ]
    body = "\n".join("".join(f"\t{line}\n" for line in part) for part in parts)
    return f"table {TABLE} {{\n{body}}}\n"


def element_list(item: SetOrMap, keys: Iterable[str]) -> str:
    """Elements of a set or map in braces, in a stable order: that which is natural to people, unless there are many."""
    listed = list(keys)
    # Taking 75,000 addresses apart to sort them would hold up everything else in this process for 0.1 s.
    ordered = sorted(listed, key=_order if len(listed) <= READABLE else None)
    if isinstance(item, NftSet):
        return f"{{ {', '.join(ordered)} }}"
    write = quoted if item.type == INTERFACE else str
    return f"{{ {', '.join(f'{write(key)} : {item.elements[key]}' for key in ordered)} }}"


def quoted(text: str) -> str:
    """A string of nft. It knows no escapes: whoever builds ``text`` has kept quotes out of it.

    So it is with asterisks, where they would be wildcards.
    """
    return f'"{text}"'


def _set_lines(item: NftSet) -> list[str]:
    lines = [f"set {item.name} {{", f"\ttype {item.type}"]
    if item.flags:
        lines.append(f"\tflags {','.join(item.flags)}")
    if item.comment:
        lines.append(f"\tcomment {quoted(item.comment)}")
    if item.elements:
        lines.append(f"\telements = {element_list(item, item.elements)}")
    return [*lines, "}"]


def _map_lines(item: VerdictMap) -> list[str]:
    lines = [f"map {item.name} {{", f"\ttype {item.type} : verdict"]
    if item.flags:
        lines.append(f"\tflags {','.join(item.flags)}")
    if item.elements:
        lines.append(f"\telements = {element_list(item, item.elements)}")
    return [*lines, "}"]


def _chain_lines(item: Chain) -> list[str]:
    head = [f"chain {item.name} {{"]
    if item.hook:
        hook = item.hook
        head.append(f"\ttype {hook.type} hook {hook.hook} priority {hook.priority}; policy {hook.policy};")
    return [*head, *(f"\t{rule}" for rule in item.rules), "}"]


def _order(element: str) -> tuple[int, bytes, tuple[int, ...], str]:
    """IPv4 before IPv6, both by address, then by protocol and port; ports by number; anything else by name."""
    first, *rest = element.split(CONCATENATION)
    numbers = tuple(int(number) for number in rest)
    address = first.partition("/")[0]
    for rank, family in enumerate((socket.AF_INET, socket.AF_INET6)):
        try:
            return rank, socket.inet_pton(family, address), numbers, element
        except OSError:
            continue
    port = first.partition("-")[0]
    if port.isascii() and port.isdigit():
        return 2, int(port).to_bytes(16), numbers, element
    return 3, b"", (), element
