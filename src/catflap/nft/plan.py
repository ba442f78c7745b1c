"""From what the kernel holds to what it shall hold: the least transactions, in an order that no packet slips through.

Within one transaction the kernel makes rules visible a few milliseconds before the content of a *new* or *changed
interval* set (measured). So an interval set never changes: another content is a new set under another name. New sets
are filled first, then rules are switched to them, and only then goes what nothing refers to any more. Hash sets do
change with the rules of their transaction, and must: between two transactions a packet would meet the members of one
policy with the rules of the other (measured: packets pass that both policies deny).

The table is never deleted and made anew, and base chains come last on first install: until then nothing is policed.
``destroy`` is not used: nft 1.0.6 lacks it.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Iterator, Mapping

import msgspec

from catflap.nft.ruleset import (
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


class Phase(enum.StrEnum):
    """What a transaction is for, in the order in which they run."""

    FILL = "fill"  # new sets
    SWITCH = "switch"  # members of sets in use, chains and dispatch maps
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
    """Create and fill new sets: nothing refers to them yet."""
    new = [item for name, item in desired.sets.items() if name not in existing.sets]
    if new or not existing.present:
        yield block(new, (), ())


def _elements(verb: str, item: SetOrMap, keys: Iterable[str]) -> Iterator[str]:
    if keys:
        yield f"{verb} element {TABLE} {item.name} {element_list(item, keys)}\n"


def _switch(existing: Existing, desired: RuleSet) -> Iterator[str]:
    """Change sets in use, write new and changed chains and point the maps to them, all at once.

    A packet must not meet the new members with the old rules, nor the old members with the new rules: in either mix it
    may pass although both policies deny it. Base chains are written only where they exist already.
    """
    kept = [(existing.sets[name], item) for name, item in desired.sets.items() if name in existing.sets]
    chains = [chain for chain in desired.chains.values() if _to_write(chain, existing)]
    new_maps = [item for name, item in desired.maps.items() if name not in existing.maps]
    changes = [
        _map_change(existing.maps[name], item) for name, item in desired.maps.items() if name in existing.maps
    ]
    for old, item in kept:
        yield from _elements("delete", old, old.elements - item.elements)
        yield from _elements("add", item, item.elements - old.elements)
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
