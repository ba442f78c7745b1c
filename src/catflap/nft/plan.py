"""From what the kernel holds to what it shall hold: the least transactions, in an order that no packet slips through.

Within one transaction the kernel makes rules visible a few milliseconds before the content of a *new* or *changed
interval* set (measured). So an interval set never changes: another content is a new set under another name. New sets
are filled first, then rules are switched to them, and only then goes what nothing refers to any more. Hash sets do
change with the rules of their transaction, and must: between two transactions a packet would meet the members of one
policy with the rules of the other (measured: packets pass that both policies deny).

New base chains are attached, and old ones emptied, in the transaction that switches the rules. So all hooks change
together: a policy that moves from one hook to another is never in both, nor in none.

The table is never deleted and made anew. ``destroy`` is not used: nft 1.0.6 lacks it.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Iterator, Mapping

import msgspec
from msgspec.structs import replace

from catflap.nft.ruleset import (
    TABLE,
    TRACKING,
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
    TRACK = "track"  # from here on the kernel tracks connections, while no rule asks for their state yet
    SWITCH = "switch"  # members of sets in use, chains and dispatch maps
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

    @property
    def in_force(self) -> bool:
        """Whether packets meet it: all base chains come in one transaction, after whatever they need."""
        return any(self.hooks.values())


def plan(existing: Existing, desired: RuleSet) -> tuple[Transaction, ...]:
    """The transactions that lead from one to the other; none where nothing changes."""
    if not desired:
        return (Transaction(Phase.SWEEP, f"delete table {TABLE}\n"),) if existing.present else ()
    track = _track(existing, desired)
    tracking = _with_tracking(existing, desired) if track else existing
    if _clash(existing, desired):
        texts = {Phase.TRACK: track, Phase.SWITCH: _replacement(tracking, desired)}
    else:
        texts = {
            Phase.FILL: _fill(existing, desired),
            Phase.TRACK: track,
            Phase.SWITCH: "".join(_switch(tracking, desired)),
            Phase.SWEEP: "".join(_sweep(existing, desired)),
        }
    return tuple(Transaction(phase, text) for phase, text in texts.items() if text)


def _fill(existing: Existing, desired: RuleSet) -> str:
    """Create and fill new sets: nothing refers to them yet."""
    new = [item for name, item in desired.sets.items() if name not in existing.sets]
    return block(new, (), ()) if new else ""


def _track(existing: Existing, desired: RuleSet) -> str:
    """Create the chain that makes the kernel track connections, unless it has done its work.

    Where no other regular chain exists, somebody was interrupted after this step: it is taken again.
    """
    regular = {name for name, hook in existing.hooks.items() if hook is None}
    if TRACKING not in desired.chains or regular > {TRACKING}:
        return ""
    flush = f"flush chain {TABLE} {TRACKING}\n" if TRACKING in existing.hooks else ""
    return flush + block((), (), [desired.chains[TRACKING]])


def _with_tracking(existing: Existing, desired: RuleSet) -> Existing:
    """What there is after `_track`."""
    return replace(
        existing,
        hooks={TRACKING: None, **existing.hooks},
        rules={**existing.rules, TRACKING: desired.chains[TRACKING].rules},
    )


def _elements(verb: str, item: SetOrMap, keys: Iterable[str]) -> Iterator[str]:
    if keys:
        yield f"{verb} element {TABLE} {item.name} {element_list(item, keys)}\n"


def _switch(existing: Existing, desired: RuleSet) -> Iterator[str]:
    """Change sets in use, write new and changed chains and point the maps to them, all at once.

    A packet must not meet the new members with the old rules, nor the old members with the new rules: in either mix it
    may pass although both policies deny it. So it is with the rules of different base chains.
    """
    kept = [(existing.sets[name], item) for name, item in desired.sets.items() if name in existing.sets]
    chains = [chain for chain in desired.chains.values() if chain.rules != existing.rules.get(chain.name)]
    detached = [name for name, hook in existing.hooks.items() if hook and name not in desired.chains]
    new_maps = [item for name, item in desired.maps.items() if name not in existing.maps]
    changes = [
        _map_change(existing.maps[name], item) for name, item in desired.maps.items() if name in existing.maps
    ]
    for old, item in kept:
        yield from _elements("delete", old, old.elements - item.elements)
        yield from _elements("add", item, item.elements - old.elements)
    yield from (f"flush chain {TABLE} {chain.name}\n" for chain in chains if chain.name in existing.hooks)
    yield from (f"flush chain {TABLE} {name}\n" for name in detached)
    yield from (deletes for deletes, _ in changes)
    if chains or new_maps:
        yield block((), new_maps, chains)
    yield from (adds for _, adds in changes)


def _map_change(old: VerdictMap, new: VerdictMap) -> tuple[str, str]:
    """The commands that delete and that add elements."""
    deleted = [key for key, verdict in old.elements.items() if new.elements.get(key) != verdict]
    added = [key for key, verdict in new.elements.items() if old.elements.get(key) != verdict]
    return "".join(_elements("delete", old, deleted)), "".join(_elements("add", new, added))


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
