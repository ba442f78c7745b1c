"""From a long list of rules to few look-ups: what makes a large policy cost a packet no more than a small one.

A list becomes a tree. A node with few rules is written as rules, neighbours of one verdict put together. A longer one
begins with a look-up (`catflap.nft.splits`) that leads to the node of those rules that a packet can match. A list whose
rules would have to be repeated too often stays as it is. `docs/dataplane.md` describes the algorithm for readers.

The meaning is that of the list, rule by rule: order, deny, pass and log included; the proof holds the kernel to it.
Where a list ends without a decision the packet returns to whoever jumped to the tree.

Nodes are named after their content and never change; only the root does, and the first look-up of services, whose
elements are exchanged one by one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final, TypeAlias

import msgspec
from msgspec.structs import replace

from catflap.model.resources import IpVersion
from catflap.nft.clauses import Clause, Clauses, Known
from catflap.nft.grouping import Step, grouped, united_weight
from catflap.nft.names import digest
from catflap.nft.rules import line
from catflap.nft.ruleset import FIXED, INTERVAL, Chain, VerdictMap
from catflap.nft.sets import IP_VERSIONS, Needs, SetTable, SplitSets
from catflap.nft.splits import Part, Split, split_by_destination, split_by_service, split_by_source
from catflap.nft.style import RuleStyle

_DIRECT: Final = {"accept", "drop", "return"}  # verdicts that a map can hold


class _Budget(msgspec.Struct, frozen=True):
    """What a node may cost: its rules, the repetitions of them below it, and the addresses in its unions."""

    rules: int
    repetition: int
    addresses: int
    union: int

    def of_each(self, clauses: int, split: Split, sets: SplitSets) -> _Budget:
        """What is left for each part of a split of so many clauses.

        These are powers of two, so that nodes stay the same when little changes. The addresses are enough for all
        unions, or else for as many of the smaller ones as may be.
        """
        wanted = [
            united_weight(part, split.known.version, sets, self.union)
            for part in split.parts.values()
            if len(part) > self.rules
        ]
        addresses = self.addresses
        while sum(min(weight, addresses) for weight in wanted) > self.addresses:
            addresses //= 2
        return replace(
            self, repetition=_power_of_two(self.repetition * clauses // split.size), addresses=addresses
        )


def _power_of_two(most: int) -> int:
    return 1 << max(most.bit_length() - 1, 0)


class Tree(msgspec.Struct, frozen=True):
    """The rules of a node, and all that they lead to."""

    lines: tuple[str, ...] = ()
    chains: Mapping[str, Chain] = {}
    maps: Mapping[str, VerdictMap] = {}
    needs: Needs = msgspec.field(default_factory=Needs)

    @property
    def longest(self) -> int:
        """The rules of the chain that has most."""
        return max((len(chain.rules) for chain in self.chains.values()), default=0)


class _Leaf(msgspec.Struct, frozen=True):
    """What a look-up leads to."""

    verdict: str
    tree: Tree


_Key: TypeAlias = tuple[Part, Known, _Budget, str]


class Decisions:
    """Writes trees, and remembers their nodes from one host policy to the next.

    Args:
        style: the cost model.
    """

    def __init__(self, style: RuleStyle) -> None:
        self.style = style
        self._leaves: dict[_Key, _Leaf] = {}
        self._last: dict[_Key, _Leaf] = {}
        self._sets = SplitSets()

    def begin(self, sets: SplitSets) -> None:
        """Take the sets of a new host policy, and forget what the last one did not use."""
        self._last, self._leaves, self._sets = self._leaves, {}, sets

    def tree(self, name: str, clauses: Clauses, end: Clause | None = None) -> Tree:
        """The tree of a list; ``name`` is that of the chain that it is for, ``end`` follows after the last rule."""
        roots = {
            version: self._root(name, version, (*clauses.of(version), *([end] if end else ())))
            for version in IP_VERSIONS
        }
        needs = Needs()
        for root in roots.values():
            needs.add(root.needs)
        chains = {
            f"{name}/ipv{version}": Chain(f"{name}/ipv{version}", root.lines)
            for version, root in roots.items()
            if root.lines
        }
        lines = (
            line(f"meta nfproto ipv{version}", f"goto {name}/ipv{version}", about=f"IPv{version}")
            for version, root in roots.items()
            if root.lines
        )
        below: dict[str, Chain] = {}
        maps: dict[str, VerdictMap] = {}
        for root in roots.values():
            below.update(root.chains)
            maps.update(root.maps)
        return Tree(tuple(lines), {**chains, **below}, maps, needs)

    def _root(self, name: str, version: IpVersion, clauses: tuple[Clause, ...]) -> Tree:
        style = self.style
        budget = _Budget(style.rules, style.repetition, style.addresses, style.union)
        return self._node(clauses, Known(version), budget, f"{name}/ipv{version}", is_root=True)

    def _node(
        self, clauses: Part, known: Known, budget: _Budget, place: str, *, is_root: bool = False
    ) -> Tree:
        """The rules for packets of which something is known, within a budget.

        ``place`` names the node among all, the same for as long as its tree has it; only that of a root is readable.
        """
        live = _live(clauses, known)
        steps = self._steps(live, known, budget)
        found = None
        if len(steps) > budget.rules:
            found = self._split(live, len(steps), known, budget)
        if found is None:
            table = SetTable(self._sets)
            return Tree(tuple(_rules(steps, known, table, place)), needs=table.needs)
        split, left = found
        return self._looked_up(split, known, left, place, is_root=is_root)

    def _steps(self, clauses: Part, known: Known, budget: _Budget) -> list[Step]:
        """What a packet meets one after the other."""
        union = budget.union if len(clauses) > budget.rules else 0  # few look-ups are worth no union
        return list(grouped(clauses, known, self._sets, budget.addresses, union))

    def _split(
        self, clauses: Part, steps: int, known: Known, budget: _Budget
    ) -> tuple[Split, _Budget] | None:
        """The split after which a packet meets fewest rules, and what is left for each of its parts.

        None where none is much better than ``steps``.

        A look-up of services is preferred where it is good enough: it is the fastest, and changes in place.
        """
        best, fewest = None, steps * 3 // 4
        for way in (split_by_service, split_by_source, split_by_destination):
            split = way(clauses, known, budget.repetition * len(clauses))
            if split is None:
                continue
            left = budget.of_each(len(clauses), split, self._sets)
            met = self._met(split, known, left)
            if met <= fewest:
                best, fewest = (split, left), met - 1
            if met <= budget.rules:
                break
        return best

    def _met(self, split: Split, known: Known, budget: _Budget) -> int:
        """About how many rules a packet meets at most, if nothing else is looked up."""
        parts = ((split.longest, split.known), (split.others, known))
        after = max(len(self._steps(_live(part, what), what, budget)) for part, what in parts)
        return len(self._steps(split.first, known, budget)) + after

    def _looked_up(self, split: Split, known: Known, budget: _Budget, place: str, *, is_root: bool) -> Tree:
        table = SetTable(self._sets)
        leaves = {
            value: self._leaf(part, split.known, budget, f"{place} {value}")
            for value, part in split.parts.items()
        }
        others = self._node(split.others, known, budget, f"{place} others")
        elements = {value: leaf.verdict for value, leaf in leaves.items()}
        changes = is_root and not split.interval
        name = f"{split.word}-{place}" if changes else _content_name(split, elements)
        found = VerdictMap(
            name,
            split.type,
            elements,
            flags=(INTERVAL,) if split.interval else (),
        )
        lines = (
            *_rules(self._steps(split.first, known, budget), known, table, f"{place} first"),
            line(f"{split.key} vmap @{name}", about=split.about),
            *others.lines,
        )
        chains, maps, needs = dict(others.chains), dict(others.maps), table.needs
        needs.add(others.needs)
        for leaf in {id(leaf): leaf for leaf in leaves.values()}.values():
            chains.update(leaf.tree.chains)
            maps.update(leaf.tree.maps)
            needs.add(leaf.tree.needs)
        return Tree(lines, chains, {**maps, name: found}, needs)

    def _leaf(self, clauses: Part, known: Known, budget: _Budget, place: str) -> _Leaf:
        key = clauses, known, budget, place
        leaf = self._leaves.get(key) or self._last.get(key)
        if leaf is None:
            leaf = _leaf_of(self._node(clauses, known, budget, place), clauses, known)
        self._leaves[key] = leaf
        return leaf


def _content_name(split: Split, elements: Mapping[str, str]) -> str:
    content = " ".join(f"{value} {verdict}" for value, verdict in elements.items())
    return f"{FIXED}{split.word}{split.known.version}-{digest(content)}"


def _leaf_of(tree: Tree, clauses: tuple[Clause, ...], known: Known) -> _Leaf:
    """A verdict for the map, where that is all; a chain named after its content otherwise."""
    first = clauses[0]
    if first.decides_all(known) and not first.log and first.verdict in _DIRECT:
        return _Leaf(first.verdict, Tree())
    if not tree.lines:
        return _Leaf("return", Tree())
    name = f"{FIXED}{digest(' '.join(tree.lines))}"
    chain = Chain(name, tree.lines)
    return _Leaf(f"goto {name}", replace(tree, lines=(), chains={**tree.chains, name: chain}))


def _live(clauses: Sequence[Clause], known: Known) -> tuple[Clause, ...]:
    """Without those that no packet gets to: after one for all packets, and where one like it stands before."""
    live: list[Clause] = []
    decided = set()
    for clause in clauses:
        if clause.verdict and clause.asked:
            if clause.asked in decided:
                continue
            decided.add(clause.asked)
        live.append(clause)
        if clause.decides_all(known):
            break
    return tuple(live)


def _rules(steps: Iterable[Step], known: Known, table: SetTable, place: str) -> Iterator[str]:
    """The text of what a packet meets one after the other at some place."""
    for number, step in enumerate(steps):
        if isinstance(step, Clause):
            yield from step.lines(known, table)
        else:
            yield step.line(known, table, f"{place} {number}")
