"""Ways to part a long list of rules by one look-up, so that each packet meets a short one.

A split sorts the clauses of a list by what they ask of one part of a packet: its protocol and destination port, or the
network of one end. Each value leads to the clauses that a packet with it can match, in their order. Clauses that do not
ask are repeated for every value, unless they may as well stand before the look-up. Nothing here writes text or knows
the kernel, and nothing may change which clause a packet matches first.
"""

from __future__ import annotations

import ipaddress
import socket
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TypeAlias

import msgspec
from msgspec.structs import replace

from catflap.model.resources import IpVersion
from catflap.nft.clauses import Clause, Known

Part: TypeAlias = tuple[Clause, ...]

_BITS: Mapping[IpVersion, int] = {4: 32, 6: 128}
_FAMILY: Mapping[IpVersion, socket.AddressFamily] = {4: socket.AF_INET, 6: socket.AF_INET6}
_ADDRESS: Mapping[IpVersion, Callable[[int], object]] = {4: ipaddress.IPv4Address, 6: ipaddress.IPv6Address}
_IP: Mapping[IpVersion, str] = {4: "ip", 6: "ip6"}


class Split(msgspec.Struct, frozen=True):
    """A look-up, and what is left to be asked after it.

    ``word`` names it, ``about`` says it to people; ``key`` and ``type`` are nft's for what is looked up; ``interval``:
    values may be networks. ``first`` stands before it. ``parts`` leads from each value to its clauses, of which
    ``known`` is known; ``others`` are for all other packets.
    """

    word: str
    about: str
    key: str
    type: str
    interval: bool
    first: Part
    parts: Mapping[str, Part]
    others: Part
    known: Known

    @property
    def size(self) -> int:
        """All clauses after the look-up, repetitions counted."""
        return sum(map(len, self.parts.values())) + len(self.others)

    @property
    def longest(self) -> Part:
        """The clauses of the value that has most."""
        return max(self.parts.values(), key=len)


def split_by_service(clauses: Sequence[Clause], known: Known, most: int) -> Split | None:
    """By protocol and destination port; None where nothing asks for them or more than ``most`` clauses would result."""
    if known.service:
        return None
    first, rest = hoist(clauses, lambda clause: bool(clause.services))
    keys = {service for clause in rest for service in clause.services}
    repeated = sum(1 for clause in rest if not clause.services)
    if not keys or sum(len(clause.services) for clause in rest) + repeated * (len(keys) + 1) > most:
        return None
    parts: defaultdict[tuple[int, int], list[Clause]] = defaultdict(list)
    others: list[Clause] = []
    for clause in rest:
        if clause.services:
            for service in clause.services:
                parts[service].append(clause)
            continue
        others.append(clause)
        for service in keys:
            if _serves(clause, *service):
                parts[service].append(clause)
    return Split(
        word="services",
        about="by protocol and port",
        key="meta l4proto . th dport",
        type="inet_proto . inet_service",
        interval=False,
        first=first,
        parts={f"{protocol} . {port}": tuple(parts[protocol, port]) for protocol, port in sorted(keys)},
        others=tuple(others),
        known=replace(known, service=True),
    )


def _serves(clause: Clause, protocol: int, port: int) -> bool:
    if clause.protocol not in (None, protocol):
        return False
    return clause.ports is None or any(item.first <= port <= item.last for item in clause.ports)


def split_by_source(clauses: Sequence[Clause], known: Known, most: int) -> Split | None:
    """By the network that the source is in; see `split_by_service`."""
    if known.source:
        return None
    return _by_network(clauses, lambda clause: clause.sources, "saddr", replace(known, source=True), most)


def split_by_destination(clauses: Sequence[Clause], known: Known, most: int) -> Split | None:
    """By the network that the destination is in; see `split_by_service`."""
    if known.destination:
        return None
    return _by_network(
        clauses, lambda clause: clause.destinations, "daddr", replace(known, destination=True), most
    )


def _by_network(
    clauses: Sequence[Clause],
    nets_of: Callable[[Clause], tuple[str, ...] | None],
    end: str,
    known: Known,
    most: int,
) -> Split | None:
    version = known.version
    first, rest = hoist(clauses, lambda clause: nets_of(clause) is not None)
    others = tuple(clause for clause in rest if nets_of(clause) is None)
    if len(others) == len(rest):
        return None
    borders = _borders(rest, nets_of, version)
    members: list[list[int]] = [[] for _ in borders]
    size = len(others) * (len(borders) + 1)
    for number, clause in enumerate(rest):
        for low, high in _spans(nets_of(clause) or (), version):
            begin, end_ = bisect_right(borders, low) - 1, bisect_right(borders, high)
            size += end_ - begin
            if size > most:
                return None
            for index in range(begin, end_):
                members[index].append(number)
    anywhere = [number for number, clause in enumerate(rest) if nets_of(clause) is None]
    spans = _merged_spans(borders, members, (1 << _BITS[version]) - 1)
    return Split(
        word="sources" if end == "saddr" else "destinations",
        about="by source" if end == "saddr" else "by destination",
        key=f"{_IP[version]} {end}",
        type=f"ipv{version}_addr",
        interval=True,
        first=first,
        parts={
            text: tuple(rest[number] for number in sorted({*numbers, *anywhere}))
            for low, high, numbers in spans
            for text in _texts(low, high, version)
        },
        others=others,
        known=known,
    )


def hoist(clauses: Sequence[Clause], keyed: Callable[[Clause], bool]) -> tuple[Part, Part]:
    """The clauses that may stand before a look-up that they have no key for, and the others.

    One may be moved before others where it makes no difference which of them a packet meets first.
    """
    first: list[Clause] = []
    rest: list[Clause] = []
    verdict: str | None = None  # of all in ``rest``; empty where they have none in common
    for clause in clauses:
        free = not rest or (clause.commutes and clause.verdict == verdict)
        if free and not keyed(clause):
            first.append(clause)
            continue
        same = clause.commutes and verdict in (None, clause.verdict)
        verdict = clause.verdict if same else ""
        rest.append(clause)
    return tuple(first), tuple(rest)


def _borders(
    clauses: Iterable[Clause], nets_of: Callable[[Clause], tuple[str, ...] | None], version: IpVersion
) -> list[int]:
    """Where the set of clauses that an address can match changes, in order, from the first network on."""
    found: set[int] = set()
    for clause in clauses:
        for low, high in _spans(nets_of(clause) or (), version):
            found.add(low)
            found.add(high + 1)
    found.discard(1 << _BITS[version])
    return sorted(found)


def _spans(nets: Iterable[str], version: IpVersion) -> Iterator[tuple[int, int]]:
    bits = _BITS[version]
    for net in nets:
        address, _, length = net.partition("/")
        low = int.from_bytes(socket.inet_pton(_FAMILY[version], address))
        yield low, low + (1 << (bits - int(length or bits))) - 1


def _merged_spans(
    borders: Sequence[int], members: Sequence[list[int]], last: int
) -> Iterator[tuple[int, int, list[int]]]:
    """The spans in which something matches; neighbours in which the same does are one."""
    begin = 0
    for index, numbers in enumerate(members):
        end = borders[index + 1] - 1 if index + 1 < len(borders) else last
        if index + 1 < len(members) and members[index + 1] == numbers:
            continue
        if numbers:
            yield borders[begin], end, numbers
        begin = index + 1


def _texts(low: int, high: int, version: IpVersion) -> Iterator[str]:
    """A span as networks, as nft lists it."""
    bits, address_of = _BITS[version], _ADDRESS[version]
    while low <= high:
        step = low & -low or 1 << bits
        while low + step - 1 > high:
            step >>= 1
        length = bits - step.bit_length() + 1
        yield f"{address_of(low)}/{length}" if length < bits else str(address_of(low))
        low += step
