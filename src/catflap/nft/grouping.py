"""Rules of one verdict that stand side by side, and that one look-up of an address can take the place of.

As long as rules come to the same, it makes no difference which of them a packet meets first. So those that ask just
for the network of one end are one rule with a set of networks, and those that ask just for an IP set are one with a
union (`catflap.nft.unions`). Rules that log, and rules between which others stand, are never put together.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import groupby
from typing import Final, TypeAlias

import msgspec
from msgspec.structs import replace

from catflap.model.resources import IpVersion
from catflap.nft.clauses import Clause, Known
from catflap.nft.rules import line
from catflap.nft.sets import SetTable, SplitSets


class End(msgspec.Struct, frozen=True):
    """One end of a packet: its name, nft's for its address, and what a clause asks of that."""

    name: str
    field: str
    nets: Callable[[Clause], tuple[str, ...] | None]
    ip_set: Callable[[Clause], str | None]

    def field_of(self, known: Known) -> str:
        """The address in nft text."""
        return f"{'ip' if known.version == 4 else 'ip6'} {self.field}"  # noqa: PLR2004  # its name


_ENDS: Final = (
    End("source", "saddr", lambda clause: clause.sources, lambda clause: clause.source_set),
    End("destination", "daddr", lambda clause: clause.destinations, lambda clause: clause.destination_set),
)


class Group(msgspec.Struct, frozen=True):
    """Several clauses of one verdict that ask for the address of one end: for networks, or for IP sets."""

    clauses: tuple[Clause, ...]
    end: End
    by_ip_set: bool

    def line(self, known: Known, table: SetTable, place: str) -> str:
        """The rule that takes their place; that of IP sets stays the same when other sets of that ``place`` do."""
        about = f"{self.clauses[0].about} and {len(self.clauses) - 1} more"
        if self.by_ip_set:
            about = "IP sets of several rules"
        return line(self._condition(known, table, place), self.clauses[0].verdict, about=about)

    def _condition(self, known: Known, table: SetTable, place: str) -> str:
        field = self.end.field_of(known)
        if self.by_ip_set:
            set_ids = sorted({self.end.ip_set(clause) or "" for clause in self.clauses})
            return f"{field} {table.union(place, set_ids, known.version)}"
        nets = [net for clause in self.clauses for net in self.end.nets(clause) or ()]
        return table.address_condition(field, nets, known.version)


Step: TypeAlias = Clause | Group


def grouped(
    clauses: Iterable[Clause], known: Known, sets: SplitSets, addresses: int, union: int
) -> Iterator[Step]:
    """The clauses in order, where neighbours of one verdict may be groups.

    Args:
        clauses: in order.
        known: what is known of packets that meet them.
        sets: of the host policy.
        addresses: the most that a union may have.
        union: the most that each of its IP sets may have.
    """
    for commuting, run in groupby(clauses, key=lambda item: item.verdict if item.commutes else ""):
        left = list(run)
        if commuting and len(left) > 1:
            for end in _ENDS:
                for group in _groups(left, end, known, sets, addresses, union):
                    chosen = set(group.clauses)
                    left = [clause for clause in left if clause not in chosen]
                    yield group
        yield from left


def united_weight(clauses: Iterable[Clause], version: IpVersion, sets: SplitSets, union: int) -> int:
    """About how many addresses there would be in a union of all IP sets that may be in one."""
    names = {name for clause in clauses for name in (clause.source_set, clause.destination_set) if name}
    weights = (sets.ip_sets[name][version].weight for name in names)
    return sum(weight for weight in weights if weight is not None and weight <= union)


def _groups(
    clauses: Sequence[Clause], end: End, known: Known, sets: SplitSets, addresses: int, union: int
) -> Iterator[Group]:
    if not getattr(known, end.name):
        end_known = replace(known, **{end.name: True})
        nets = [item for item in clauses if end.nets(item) is not None and item.decides_all(end_known)]
        if len(nets) > 1:
            yield Group(tuple(nets), end, by_ip_set=False)
    asking = [item for item in clauses if end.ip_set(item) is not None and item.asks_nothing_but_sets(known)]
    united = _united(asking, end, known, sets, addresses, union) if len(asking) > 1 else []
    if len(united) > 1:
        yield Group(tuple(united), end, by_ip_set=True)


def _united(
    clauses: Iterable[Clause], end: End, known: Known, sets: SplitSets, addresses: int, union: int
) -> list[Clause]:
    """Those whose IP sets together are not too large; the smallest first, whatever the order of the clauses."""
    found = []
    for weight, _, item in sorted(_weighed(clauses, end, known, sets, union), key=lambda found: found[:2]):
        addresses -= weight
        if addresses < 0:
            break
        found.append(item)
    return found


def _weighed(
    clauses: Iterable[Clause], end: End, known: Known, sets: SplitSets, union: int
) -> Iterator[tuple[int, str, Clause]]:
    """Those whose IP sets may be in unions, with the addresses and names of these."""
    for item in clauses:
        name = end.ip_set(item) or ""
        weight = sets.ip_sets[name][known.version].weight
        if weight is not None and weight <= union:
            yield weight, name, item
