"""What somebody else has changed in our table: found, put into words, and as the state from which a plan can repair it.

Only what was touched is read. Nothing here changes the kernel, and nothing is damage that the kernel does not show.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

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


class Found(msgspec.Struct, frozen=True):
    """What there is, and how it differs from what was programmed, in words; the rest is as in `Outline`."""

    existing: Existing
    damage: tuple[str, ...] = ()
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
        return Found(Existing(), ("the table was deleted",) if wanted else ())
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
    damage = [*(["the table was made dormant"] if outline.dormant else ()), *_damage(existing, wanted)]
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


def _damage(existing: Existing, wanted: RuleSet) -> Iterator[str]:
    if not wanted:
        yield "the table was made"
    for name, chain in wanted.chains.items():
        if name not in existing.hooks:
            yield f"chain {name} was deleted"
            continue
        if chain.hook != existing.hooks[name]:
            yield f"chain {name} was given {_hook_words(existing.hooks[name])}"
        if chain.rules != existing.rules.get(name):
            yield f"rules of chain {name} were changed"
    yield from (f"chain {name} was added" for name in existing.hooks if name not in wanted.chains)
    yield from _damage_of("set", existing.sets, wanted.sets)
    yield from _damage_of("map", existing.maps, wanted.maps)
    yield from (f"counter {name} was deleted" for name in sorted(wanted.counters - existing.counters))


def _hook_words(hook: Hook | None) -> str:
    if hook is None:
        return "no hook"
    return f"hook {hook.hook}, priority {hook.priority}, policy {hook.policy}"


def _damage_of(kind: str, there: Mapping[str, SetOrMap], wanted: Mapping[str, SetOrMap]) -> Iterator[str]:
    for name, item in wanted.items():
        if name not in there:
            yield f"{kind} {name} was deleted"
        elif item.shape != there[name].shape:
            yield f"{kind} {name} was replaced by another kind"
        else:
            ours, theirs = _texts(item).items(), _texts(there[name]).items()
            if ours != theirs:
                lost, added = len(ours - theirs), len(theirs - ours)
                yield f"elements of {kind} {name} were changed: {lost} of ours missing, {added} strange"
    yield from (f"{kind} {name} was added" for name in there if name not in wanted)


def _texts(item: SetOrMap) -> Mapping[str, str]:
    return dict.fromkeys(item.elements, "") if isinstance(item, NftSet) else item.elements
