"""Finds what the kernel refuses of a rule set, so that the rest can be enforced.

The kernel says no to a transaction as a whole. Here it validates parts without acting on them, halving what it refuses
until single objects are left: one set too large for its memory, one chain with an expression that it lacks. An object
that is refused only together with others counts as refused where the others came first. Nothing here changes anything.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final, TypeVar

from msgspec.structs import replace

from catflap.nft.place import base_name, place
from catflap.nft.plan import Existing, Phase, plan
from catflap.nft.port import Nft, NftError
from catflap.nft.ruleset import TABLE, Chain, NftSet, RuleSet, VerdictMap

_Object = TypeVar("_Object", bound=NftSet | VerdictMap | Chain)
_NOTHING: Final = f"table {TABLE} {{\n}}\n"  # a transaction that only a kernel refuses that refuses all


def refused_objects(nft: Nft, existing: Existing, desired: RuleSet, *, in_place: bool) -> Mapping[str, str]:
    """The names of the sets, maps and chains that the kernel refuses, with its reasons.

    Args:
        nft: the kernel.
        existing: what it holds now.
        desired: what it shall hold, and refused.
        in_place: see `place`.

    Raises:
        NftError: it refuses everything, so that nothing can be told apart.
    """
    nft.check(_NOTHING)
    placed = place(existing, desired, in_place=in_place)
    changed = [item for name, item in placed.sets.items() if not _is_same(existing.sets.get(name), item)]

    def check(sets: Sequence[NftSet]) -> None:
        nft.check(_commands(existing, _with_sets(existing, sets)))

    refused = _refused(changed, check)
    # Rules are looked at with sets that hold nothing new, so they are not refused for what is in a set.
    hollow = [_emptied(existing, item) for item in placed.sets.values()]
    unknown = _refused([item for item in hollow if item.name in refused], check)
    rules = replace(placed, sets={item.name: item for item in hollow if item.name not in unknown})
    refused |= _Rules(nft, existing, rules).refused()
    return {base_name(name): reason for name, reason in refused.items()}


def _refused(items: Sequence[_Object], check: Callable[[Sequence[_Object]], None]) -> dict[str, str]:
    """Those of the items that `check` refuses, whatever else is among them.

    `check` gets items that belong to the result if it refuses them, after those that it has accepted.
    """
    accepted: list[_Object] = []
    refused: dict[str, str] = {}

    def go_through(part: Sequence[_Object]) -> None:
        try:
            check([*accepted, *part])
        except NftError as error:
            if len(part) == 1:
                refused[part[0].name] = str(error)
                return
            middle = len(part) // 2
            go_through(part[:middle])
            go_through(part[middle:])
        else:
            accepted.extend(part)

    if items:
        go_through(items)
    return refused


def _is_same(old: NftSet | None, new: NftSet) -> bool:
    return old is not None and old.elements == new.elements


def _emptied(existing: Existing, item: NftSet) -> NftSet:
    """A set with the elements that are in the kernel already."""
    old = existing.sets.get(item.name)
    return replace(item, elements=old.elements if old else frozenset())


def _commands(existing: Existing, desired: RuleSet) -> str:
    """Everything that leads there as one transaction, but for what is deleted in the end."""
    return "".join(item.text for item in plan(existing, desired) if item.phase is not Phase.SWEEP)


def _with_sets(existing: Existing, sets: Sequence[NftSet]) -> RuleSet:
    """Nothing but these sets is new; chains are there only to keep those that there are as they are."""
    chains = {name: Chain(name, existing.rules.get(name, ()), hook) for name, hook in existing.hooks.items()}
    return RuleSet({item.name: item for item in sets}, existing.maps, chains)


class _Rules:
    """Tells which chains and maps are refused, where all sets are fine."""

    def __init__(self, nft: Nft, existing: Existing, desired: RuleSet) -> None:
        self._nft = nft
        self._existing = existing
        self._desired = desired

    def refused(self) -> dict[str, str]:
        """The refused ones, with reasons."""
        desired, existing = self._desired, self._existing
        chains = [item for name, item in desired.chains.items() if item.rules != existing.rules.get(name)]
        maps = [item for name, item in desired.maps.items() if item != existing.maps.get(name)]
        # Ways to a chain before the chain: some expressions are refused only where packets can reach them.
        objects: list[Chain | VerdictMap] = [*maps, *chains]
        return _refused(objects, self._check)

    def _check(self, real: Sequence[Chain | VerdictMap]) -> None:
        """Let the kernel look at some objects, with all others empty."""
        desired = self._desired
        names = {item.name for item in real}
        chains = {
            name: chain if name in names else replace(chain, rules=())
            for name, chain in desired.chains.items()
        }
        maps = {
            name: item if name in names else replace(item, elements={}) for name, item in desired.maps.items()
        }
        self._nft.check(_commands(self._existing, replace(desired, chains=chains, maps=maps)))
