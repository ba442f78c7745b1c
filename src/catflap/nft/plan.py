"""From what the kernel holds to what it shall hold: the least transactions, in an order that no packet slips through.

Within one transaction the kernel makes rules visible a few milliseconds before the content of a *new* or *changed
interval* set (measured). So an interval set never changes together with anything else: another content is a new set
under another name, which `catflap.nft.place` gives out. New sets are filled first, in pieces of bounded size, then
rules are switched to them, and only then goes what nothing refers to any more. Hash sets do change with the rules of
their transaction, and must: between two transactions a packet would meet the members of one policy with the rules of
the other (measured: packets pass that both policies deny). Where only members change, nft's text and its user space
are not needed (`catflap.nft.element_messages`).

New base chains are attached, and old ones emptied, in the transaction that switches the rules. So all hooks change
together: a policy that moves from one hook to another is never in both, nor in none.

The table is never deleted and made anew. ``destroy`` is not used: nft 1.0.6 lacks it.
"""

from __future__ import annotations

import enum
from collections.abc import Collection, Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet

import msgspec
from msgspec.structs import replace

from catflap.nft.element_messages import is_known
from catflap.nft.port import ElementChange
from catflap.nft.ruleset import (
    INTERVAL,
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

_MOST = 10_000  # elements in one transaction of those that fill sets
_LARGE = 100  # elements of a set that is not worth nft's text
_DECLARATION = 10  # elements that cost as much as an empty set


class Phase(enum.StrEnum):
    """What a transaction is for, in the order in which they run."""

    FILL = "fill"  # new sets
    TRACK = "track"  # from here on the kernel tracks connections, while no rule asks for their state yet
    SWITCH = "switch"  # members of sets in use, chains and dispatch maps
    SWEEP = "sweep"  # what nothing refers to any more


class Transaction(msgspec.Struct, frozen=True):
    """Commands that happen entirely or not at all; where there are ``elements``, these are all of it, and faster."""

    phase: Phase
    commands: str = ""
    elements: tuple[ElementChange, ...] = ()

    @property
    def text(self) -> str:
        """All of it as nft text."""
        return self.commands or "".join(_element_commands(self.elements))


class Existing(msgspec.Struct, frozen=True):
    """What the kernel holds. Of ``rules`` only the chains whose rules are known: those that we programmed ourselves.

    ``counters`` are the names of counters.
    """

    present: bool = False
    sets: Mapping[str, NftSet] = {}
    maps: Mapping[str, VerdictMap] = {}
    hooks: Mapping[str, Hook | None] = {}
    rules: Mapping[str, tuple[str, ...]] = {}
    counters: frozenset[str] = frozenset()

    @classmethod
    def of(cls, rule_set: RuleSet) -> Existing:
        """What the kernel holds once a rule set has been programmed."""
        return cls(
            present=bool(rule_set),
            sets=rule_set.sets,
            maps=rule_set.maps,
            hooks={chain.name: chain.hook for chain in rule_set.chains.values()},
            rules={chain.name: chain.rules for chain in rule_set.chains.values()},
            counters=rule_set.counters,
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
        found = [Transaction(Phase.TRACK, track), Transaction(Phase.SWITCH, _replacement(tracking, desired))]
    else:
        found = [
            *_new_counters(existing, desired),
            *_fill([item for old, item in _other_sets(existing, desired) if old is None]),
            Transaction(Phase.TRACK, track),
            Transaction(Phase.FILL, _fixed(existing, desired)),
            *_switch(_with_fixed(tracking, desired), desired),
            Transaction(Phase.SWEEP, "".join(_sweep(existing, desired))),
        ]
    return tuple(transaction for transaction in found if transaction.commands or transaction.elements)


def _new_counters(existing: Existing, desired: RuleSet) -> Iterator[Transaction]:
    """Create counters: nothing refers to them yet. Those that there are go on counting."""
    new = sorted(desired.counters - existing.counters)
    for first in range(0, len(new), _MOST):
        yield Transaction(Phase.FILL, block((), (), (), new[first : first + _MOST]))


def _fill(new: Iterable[NftSet]) -> Iterator[Transaction]:
    """Create and fill new sets: nothing refers to them yet, so they may come in pieces, and large ones empty at first.

    One transaction for all would hold up whoever else wants to change nf_tables, and may exceed the netlink socket.
    """
    large: list[NftSet] = []
    piece: list[NftSet] = []
    size = 0
    for item in new:
        if len(item.elements) > _LARGE and is_known(item.type, interval=INTERVAL in item.flags):
            large.append(item)
            declared = replace(item, elements=frozenset())
        else:
            declared = item
        if piece and size + len(declared.elements) + _DECLARATION > _MOST:
            yield Transaction(Phase.FILL, block(piece, (), ()))
            piece, size = [], 0
        piece.append(declared)
        size += len(declared.elements) + _DECLARATION
    if piece:
        yield Transaction(Phase.FILL, block(piece, (), ()))
    yield from (Transaction(Phase.FILL, elements=tuple(part)) for part in _pieces(large))


def _pieces(new: Iterable[NftSet]) -> Iterator[list[ElementChange]]:
    """What fills sets, in pieces of bounded size."""
    piece: list[ElementChange] = []
    left = _MOST
    for item in new:
        elements = list(item.elements)
        while elements:
            part, elements = elements[:left], elements[left:]
            piece.append(change_of(item, frozenset(part), frozenset()))
            left -= len(part)
            if not left:
                yield piece
                piece, left = [], _MOST
    if piece:
        yield piece


def _fixed(existing: Existing, desired: RuleSet) -> str:
    """Create chains and maps that never change: nothing that packets meet refers to them yet.

    An interval map is there before rules refer to it, as an interval set is. Their rules may ask for the state of
    connections, so this is not done before `_track`.
    """
    maps = [item for name, item in desired.maps.items() if item.fixed and name not in existing.maps]
    chains = [chain for name, chain in desired.chains.items() if chain.fixed and name not in existing.hooks]
    return block((), maps, chains) if maps or chains else ""


def _with_fixed(existing: Existing, desired: RuleSet) -> Existing:
    """What there is after `_fixed`."""
    chains = [chain for name, chain in desired.chains.items() if chain.fixed and name not in existing.hooks]
    return replace(
        existing,
        maps={**{name: item for name, item in desired.maps.items() if item.fixed}, **existing.maps},
        hooks={**{chain.name: None for chain in chains}, **existing.hooks},
        rules={**{chain.name: chain.rules for chain in chains}, **existing.rules},
    )


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


def _elements(verb: str, item: SetOrMap, keys: Collection[str]) -> Iterator[str]:
    if keys:
        yield f"{verb} element {TABLE} {item.name} {element_list(item, keys)}\n"


def _element_commands(changes: Iterable[ElementChange]) -> Iterator[str]:
    for change in changes:
        item = NftSet(change.name, change.type)
        yield from _elements("delete", item, change.removed)
        yield from _elements("add", item, change.added)


def change_of(item: NftSet, added: AbstractSet[str], removed: AbstractSet[str]) -> ElementChange:
    """What leads to other elements of a set."""
    return ElementChange(item.name, item.type, INTERVAL in item.flags, added, removed)


def _changes(existing: Existing, desired: RuleSet) -> list[ElementChange]:
    """What becomes of the elements of sets in use."""
    return [
        change_of(item, item.elements - old.elements, old.elements - item.elements)
        for old, item in _other_sets(existing, desired)
        if old is not None and old.elements != item.elements
    ]


def _other_sets(existing: Existing, desired: RuleSet) -> list[tuple[NftSet | None, NftSet]]:
    """The sets that may have to change, as they are and as they shall be; None where there is none yet."""
    known = existing.sets
    return [(known.get(name), item) for name, item in desired.sets.items() if known.get(name) is not item]


def _switch(existing: Existing, desired: RuleSet) -> Iterator[Transaction]:
    """Change sets in use, write new and changed chains and point the maps to them, all at once.

    A packet must not meet the new members with the old rules, nor the old members with the new rules: in either mix it
    may pass although both policies deny it. So it is with the rules of different base chains.
    """
    changes = _changes(existing, desired)
    maps = [
        (old, item)
        for name, item in desired.maps.items()
        if (old := existing.maps.get(name)) is not None and old.elements != item.elements
    ]
    rules = "".join(_rules(existing, desired, maps))
    elements = [*changes, *(_map_elements(old, item) for old, item in maps)]
    if _only_elements(existing, desired) and all(
        is_known(change.type, interval=change.interval) for change in elements
    ):
        text = "".join(_element_commands(changes)) + rules if rules else ""
        at_once = tuple(change for change in elements if not change.interval)
        yield Transaction(Phase.SWITCH, text, at_once)
        yield from (Transaction(Phase.SWITCH, elements=(change,)) for change in changes if change.interval)
    else:
        yield Transaction(Phase.SWITCH, "".join(_element_commands(changes)) + rules)


def _only_elements(existing: Existing, desired: RuleSet) -> bool:
    """Whether chains stay, and no map is new."""
    return (
        not _differing(existing, desired)
        and all(name in desired.chains for name, hook in existing.hooks.items() if hook)
        and desired.maps.keys() <= existing.maps.keys()
    )


def _rules(
    existing: Existing, desired: RuleSet, maps: Iterable[tuple[VerdictMap, VerdictMap]]
) -> Iterator[str]:
    """Commands for chains and maps; none where they stay."""
    chains = [desired.chains[name] for name in _differing(existing, desired)]
    detached = [name for name, hook in existing.hooks.items() if hook and name not in desired.chains]
    new_maps = [item for name, item in desired.maps.items() if name not in existing.maps]
    changes = [_map_change(old, item) for old, item in maps]
    yield from (f"flush chain {TABLE} {chain.name}\n" for chain in chains if chain.name in existing.hooks)
    yield from (f"flush chain {TABLE} {name}\n" for name in detached)
    yield from (deletes for deletes, _ in changes)
    if chains or new_maps:
        yield block((), new_maps, chains)
    yield from (adds for _, adds in changes)


def rewritten(existing: Existing, desired: RuleSet) -> list[str]:
    """The chains whose rules are written, or that are made, by what `plan` says."""
    return list(desired.chains) if _clash(existing, desired) else _differing(existing, desired)


def _differing(existing: Existing, desired: RuleSet) -> list[str]:
    """The chains that are not as they shall be, or not there."""
    return [
        name
        for name, chain in desired.chains.items()
        if chain.rules != existing.rules.get(name) or chain.hook != existing.hooks.get(name, chain.hook)
    ]


def _map_change(old: VerdictMap, new: VerdictMap) -> tuple[str, str]:
    """The commands that delete and that add elements."""
    deleted = [key for key, verdict in old.elements.items() if new.elements.get(key) != verdict]
    added = [key for key, verdict in new.elements.items() if old.elements.get(key) != verdict]
    return "".join(_elements("delete", old, deleted)), "".join(_elements("add", new, added))


def _map_elements(old: VerdictMap, new: VerdictMap) -> ElementChange:
    """The same as what happens to elements."""
    added = {key: verdict for key, verdict in new.elements.items() if old.elements.get(key) != verdict}
    removed = {key for key, verdict in old.elements.items() if new.elements.get(key) != verdict}
    interval = INTERVAL in new.flags
    return ElementChange(new.name, new.type, interval, added.keys(), removed, added)


def _sweep(existing: Existing, desired: RuleSet) -> Iterator[str]:
    """Delete what nothing refers to any more; chains may refer to each other, so they are emptied first."""
    chains = [name for name in existing.hooks if name not in desired.chains]
    yield from (f"flush chain {TABLE} {name}\n" for name in chains)
    yield from (f"delete map {TABLE} {name}\n" for name in existing.maps if name not in desired.maps)
    yield from (f"delete chain {TABLE} {name}\n" for name in chains)
    yield from (f"delete set {TABLE} {name}\n" for name in existing.sets if name not in desired.sets)
    yield from (f"delete counter {TABLE} {name}\n" for name in sorted(existing.counters - desired.counters))


def _clash(existing: Existing, desired: RuleSet) -> bool:
    """Whether somebody else gave one of our names to an object that cannot be changed into ours in place."""
    return (
        not desired.sets.keys().isdisjoint(existing.maps)
        or not desired.maps.keys().isdisjoint(existing.sets)
        or any(old is not None and old.shape != item.shape for old, item in _other_sets(existing, desired))
        or any(item.shape != existing.maps.get(name, item).shape for name, item in desired.maps.items())
        or any(
            chain.hook is not existing.hooks.get(name, chain.hook)
            and _place(chain.hook) != _place(existing.hooks[name])
            for name, chain in desired.chains.items()
        )
    )


def _place(hook: Hook | None) -> Hook | None:
    """What of a hook cannot be changed in place: everything but the policy."""
    return hook and replace(hook, policy="")


def _replacement(existing: Existing, desired: RuleSet) -> str:
    """Everything in one transaction: not as smooth as the phases, but never without rules."""
    return "".join(_sweep(existing, RuleSet())) + desired.text()
