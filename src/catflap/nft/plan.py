"""From what the kernel holds to what it shall hold: the least transactions, in an order that loses no packet.

Within one transaction the kernel makes rules visible a few milliseconds before the content of a *new* interval set
(measured), so sets are filled first, then chains and maps are switched to them, and only then goes what nothing refers
to any more. Addresses leave hash sets last, too: one that moves to a network set, or to a set that only the new rules
look at, is found all the time. After each transaction every reference is valid.

The table is never deleted and made anew, and base chains come last on first install: until then nothing is policed.
``destroy`` is not used: nft 1.0.6 lacks it.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Iterator, Mapping

import msgspec

from catflap.nft.ruleset import (
    INTERVAL,
    TABLE,
    Chain,
    Hook,
    NftSet,
    RuleSet,
    SetOrMap,
    VerdictMap,
    block,
    element_list,
)

_MANY = 1000  # deleting from a larger interval set costs nft more than writing it anew (60 ms an element at 50,000)


class Phase(enum.StrEnum):
    """What a transaction is for, in the order in which they run."""

    FILL = "fill"  # new sets, and additions to those that are there
    SWITCH = "switch"  # chains and dispatch maps
    ATTACH = "attach"  # base chains: from here on packets meet our rules
    SWEEP = "sweep"  # what nothing refers to any more


class Transaction(msgspec.Struct, frozen=True):
    """Commands that happen entirely or not at all."""

    phase: Phase
    text: str


class Existing(msgspec.Struct, frozen=True):
    """What the kernel holds. Of ``rules`` only the chains whose rules are known: those that we programmed ourselves."""

    present: bool = False
    sets: Mapping[str, NftSet] = {}
    maps: Mapping[str, VerdictMap] = {}
    hooks: Mapping[str, Hook | None] = {}
    rules: Mapping[str, tuple[str, ...]] = {}

    @classmethod
    def of(cls, rule_set: RuleSet) -> Existing:
        """What the kernel holds once a rule set has been programmed."""
        return cls(
            present=bool(rule_set),
            sets=rule_set.sets,
            maps=rule_set.maps,
            hooks={chain.name: chain.hook for chain in rule_set.chains.values()},
            rules={chain.name: chain.rules for chain in rule_set.chains.values()},
        )


def plan(existing: Existing, desired: RuleSet) -> tuple[Transaction, ...]:
    """The transactions that lead from one to the other; none where nothing changes."""
    if not desired:
        return (Transaction(Phase.SWEEP, f"delete table {TABLE}\n"),) if existing.present else ()
    if _clash(existing, desired):
        return (Transaction(Phase.ATTACH, _replacement(existing, desired)),)
    phases = {Phase.FILL: _fill, Phase.SWITCH: _switch, Phase.ATTACH: _attach, Phase.SWEEP: _sweep}
    return tuple(
        Transaction(phase, text)
        for phase, commands in phases.items()
        if (text := "".join(commands(existing, desired)))
    )


def _fill(existing: Existing, desired: RuleSet) -> Iterator[str]:
    """Create and fill new sets, add to those that are there."""
    new = [item for name, item in desired.sets.items() if name not in existing.sets]
    if new or not existing.present:
        yield block(new, (), ())
    for old, item in _kept(existing, desired):
        if INTERVAL in item.flags:
            yield from _rewrite(old, item)
        else:
            yield from _elements("add", item, item.elements - old.elements)


def _kept(existing: Existing, desired: RuleSet) -> Iterator[tuple[NftSet, NftSet]]:
    return ((existing.sets[name], item) for name, item in desired.sets.items() if name in existing.sets)


def _rewrite(old: NftSet, new: NftSet) -> Iterator[str]:
    """Change an interval set at once: its elements must not overlap, so old ones make room for new ones."""
    deleted, added = old.elements - new.elements, new.elements - old.elements
    if deleted and len(old.elements) > _MANY:
        yield f"flush set {TABLE} {new.name}\n"
        deleted, added = frozenset(), new.elements
    yield from _elements("delete", old, deleted)
    yield from _elements("add", new, added)


def _elements(verb: str, item: SetOrMap, keys: Iterable[str]) -> Iterator[str]:
    if keys:
        yield f"{verb} element {TABLE} {item.name} {element_list(item, keys)}\n"


def _switch(existing: Existing, desired: RuleSet) -> Iterator[str]:
    """Write new and changed chains and point the maps to them; base chains only where they exist already."""
    chains = [chain for chain in desired.chains.values() if _to_write(chain, existing)]
    new_maps = [item for name, item in desired.maps.items() if name not in existing.maps]
    changes = [
        _map_change(existing.maps[name], item) for name, item in desired.maps.items() if name in existing.maps
    ]
    yield from (f"flush chain {TABLE} {chain.name}\n" for chain in chains if chain.name in existing.hooks)
    yield from (deletes for deletes, _ in changes)
    if chains or new_maps:
        yield block((), new_maps, chains)
    yield from (adds for _, adds in changes)


def _to_write(chain: Chain, existing: Existing) -> bool:
    if chain.name not in existing.hooks:
        return chain.hook is None
    return chain.rules != existing.rules.get(chain.name)


def _map_change(old: VerdictMap, new: VerdictMap) -> tuple[str, str]:
    """The commands that delete and that add elements."""
    deleted = [key for key, verdict in old.elements.items() if new.elements.get(key) != verdict]
    added = [key for key, verdict in new.elements.items() if old.elements.get(key) != verdict]
    return "".join(_elements("delete", old, deleted)), "".join(_elements("add", new, added))


def _attach(existing: Existing, desired: RuleSet) -> Iterator[str]:
    """Create the base chains that do not exist: from here on the packets meet our rules."""
    new = [chain for name, chain in desired.chains.items() if chain.hook and name not in existing.hooks]
    if new:
        yield block((), (), new)


def _sweep(existing: Existing, desired: RuleSet) -> Iterator[str]:
    """Delete what nothing refers to any more; chains may refer to each other, so they are emptied first."""
    for old, item in _kept(existing, desired):
        if INTERVAL not in item.flags:
            yield from _elements("delete", old, old.elements - item.elements)
    chains = [name for name in existing.hooks if name not in desired.chains]
    yield from (f"flush chain {TABLE} {name}\n" for name in chains)
    yield from (f"delete map {TABLE} {name}\n" for name in existing.maps if name not in desired.maps)
    yield from (f"delete chain {TABLE} {name}\n" for name in chains)
    yield from (f"delete set {TABLE} {name}\n" for name in existing.sets if name not in desired.sets)


def _clash(existing: Existing, desired: RuleSet) -> bool:
    """Whether somebody else gave one of our names to an object that cannot be changed into ours in place."""
    sets, maps = desired.sets.values(), desired.maps.values()
    return (
        any(
            item.name in existing.maps or item.shape != existing.sets.get(item.name, item).shape
            for item in sets
        )
        or any(
            item.name in existing.sets or item.type != existing.maps.get(item.name, item).type
            for item in maps
        )
        or any(chain.hook != existing.hooks.get(name, chain.hook) for name, chain in desired.chains.items())
    )


def _replacement(existing: Existing, desired: RuleSet) -> str:
    """Everything in one transaction: not as smooth as the phases, but never without rules."""
    return "".join(_sweep(existing, RuleSet())) + desired.text()
