"""What somebody else has changed in our table: found, put into words, and as the state from which a plan can repair it.

Only what was touched is read. Nothing here changes the kernel, and nothing is damage that the kernel does not show.
"""

from __future__ import annotations

import enum
from collections.abc import Collection, Iterator, Mapping
from typing import Final

import msgspec
from msgspec.structs import replace

from catflap.nft.content import NO_RULES
from catflap.nft.plan import Existing
from catflap.nft.port import NftContent
from catflap.nft.ruleset import Hook, NftSet, RuleSet, SetOrMap, VerdictMap

_TRIES = 5


class Touched(msgspec.Struct, frozen=True):
    """Chains whose rules, and sets and maps whose elements, may not be ours any more, by name."""

    chains: frozenset[str] = frozenset()
    sets: frozenset[str] = frozenset()

    def __or__(self, other: Touched) -> Touched:
        return Touched(self.chains | other.chains, self.sets | other.sets)


class Known(msgspec.Struct, frozen=True):
    """What was programmed, and the digest of each chain's rules as the kernel told it right afterwards.

    A chain whose digest is not known is taken for damaged when somebody looks at it.
    """

    rule_set: RuleSet
    digests: Mapping[str, str]


class DamageKind(enum.StrEnum):
    """What was done to the table; the values are labels of metrics, and stay as they are."""

    TABLE_DELETED = "table_deleted"
    TABLE_ADDED = "table_added"
    TABLE_DORMANT = "table_dormant"
    CHAIN_DELETED = "chain_deleted"
    CHAIN_ADDED = "chain_added"
    CHAIN_HOOK = "chain_hook"  # or its priority, or its policy
    CHAIN_RULES = "chain_rules"
    SET_DELETED = "set_deleted"
    SET_ADDED = "set_added"
    SET_REPLACED = "set_replaced"  # by one of another type
    SET_ELEMENTS = "set_elements"
    MAP_DELETED = "map_deleted"
    MAP_ADDED = "map_added"
    MAP_REPLACED = "map_replaced"
    MAP_ELEMENTS = "map_elements"
    COUNTER_DELETED = "counter_deleted"
    UNKNOWN = "unknown"  # the kernel could not be read: all was written anew


class Damage(msgspec.Struct, frozen=True):
    """One thing that was done to the table, for people in words."""

    kind: DamageKind
    words: str

    def __str__(self) -> str:
        return self.words


TABLE_DELETED: Final = Damage(DamageKind.TABLE_DELETED, "the table was deleted")
_DORMANT: Final = Damage(DamageKind.TABLE_DORMANT, "the table was made dormant")


class Found(msgspec.Struct, frozen=True):
    """What there is, and how it differs from what was programmed, in words; the rest is as in `Outline`."""

    existing: Existing
    damage: tuple[Damage, ...] = ()
    dormant: bool = False
    owned: bool = False


def look(content: NftContent, known: Known, touched: Touched) -> Found:
    """Compare what was touched, and the table's outline, with what is known to have been programmed.

    Raises:
        NftError: the kernel cannot be read.
    """
    for _ in range(_TRIES):
        before = content.generation().id
        found = _look(content, known, touched)
        if content.generation().id == before:
            break
    return found


def differing(content: NftContent, known: Known) -> Touched:
    """The full comparison: what of everything may be damaged. It is looked at again before anything is repaired.

    Raises:
        NftError: the kernel cannot be read.
    """
    wanted = known.rule_set
    digests = content.chain_digests()
    chains = {name for name in wanted.chains if digests.get(name, NO_RULES) != known.digests.get(name)}
    items: Mapping[str, SetOrMap] = {**wanted.sets, **wanted.maps}
    sets = {name for name, item in items.items() if content.elements(item) != _texts(item)}
    return Touched(frozenset(chains), frozenset(sets))


def _look(content: NftContent, known: Known, touched: Touched) -> Found:
    wanted = known.rule_set
    outline = content.outline()
    if outline is None:
        return Found(Existing(), (TABLE_DELETED,) if wanted else ())
    digests = content.chain_digests(touched.chains & outline.hooks.keys())
    altered = {name for name in touched.chains if digests.get(name, NO_RULES) != known.digests.get(name)}
    existing = Existing(
        present=True,
        sets={name: _set(content, item, wanted, touched.sets) for name, item in outline.sets.items()},
        maps={name: _map(content, item, wanted, touched.sets) for name, item in outline.maps.items()},
        hooks=outline.hooks,
        rules={
            name: chain.rules
            for name, chain in wanted.chains.items()
            if name in outline.hooks and name not in altered
        },
        counters=outline.counters,
    )
    damage = [*([_DORMANT] if outline.dormant else ()), *_damage(existing, wanted)]
    return Found(existing, tuple(damage), outline.dormant, outline.owned)


def _set(content: NftContent, there: NftSet, wanted: RuleSet, touched: Collection[str]) -> NftSet:
    """The set with its elements: those that are known, unless it was touched."""
    ours = wanted.sets.get(there.name)
    if ours is None or ours.shape != there.shape:
        return there  # it goes, whatever is in it
    return replace(ours, elements=frozenset(content.elements(ours))) if there.name in touched else ours


def _map(content: NftContent, there: VerdictMap, wanted: RuleSet, touched: Collection[str]) -> VerdictMap:
    ours = wanted.maps.get(there.name)
    if ours is None or ours.shape != there.shape:
        return there
    return replace(ours, elements=content.elements(ours)) if there.name in touched else ours


def _damage(existing: Existing, wanted: RuleSet) -> Iterator[Damage]:
    if not wanted:
        yield Damage(DamageKind.TABLE_ADDED, "the table was made")
    for name, chain in wanted.chains.items():
        if name not in existing.hooks:
            yield Damage(DamageKind.CHAIN_DELETED, f"chain {name} was deleted")
            continue
        if chain.hook != existing.hooks[name]:
            given = _hook_words(existing.hooks[name])
            yield Damage(DamageKind.CHAIN_HOOK, f"chain {name} was given {given}")
        if chain.rules != existing.rules.get(name):
            yield Damage(DamageKind.CHAIN_RULES, f"rules of chain {name} were changed")
    for name in existing.hooks:
        if name not in wanted.chains:
            yield Damage(DamageKind.CHAIN_ADDED, f"chain {name} was added")
    yield from _damage_of("set", existing.sets, wanted.sets)
    yield from _damage_of("map", existing.maps, wanted.maps)
    yield from (
        Damage(DamageKind.COUNTER_DELETED, f"counter {name} was deleted")
        for name in sorted(wanted.counters - existing.counters)
    )


def _hook_words(hook: Hook | None) -> str:
    if hook is None:
        return "no hook"
    return f"hook {hook.hook}, priority {hook.priority}, policy {hook.policy}"


def _damage_of(kind: str, there: Mapping[str, SetOrMap], wanted: Mapping[str, SetOrMap]) -> Iterator[Damage]:
    for name, item in wanted.items():
        if name not in there:
            yield Damage(DamageKind(f"{kind}_deleted"), f"{kind} {name} was deleted")
        elif item.shape != there[name].shape:
            yield Damage(DamageKind(f"{kind}_replaced"), f"{kind} {name} was replaced by another kind")
        else:
            ours, theirs = _texts(item).items(), _texts(there[name]).items()
            if ours != theirs:
                lost, added = len(ours - theirs), len(theirs - ours)
                words = f"elements of {kind} {name} were changed: {lost} of ours missing, {added} strange"
                yield Damage(DamageKind(f"{kind}_elements"), words)
    for name in there:
        if name not in wanted:
            yield Damage(DamageKind(f"{kind}_added"), f"{kind} {name} was added")


def _texts(item: SetOrMap) -> Mapping[str, str]:
    return dict.fromkeys(item.elements, "") if isinstance(item, NftSet) else item.elements
