"""Which of the kernel's sets stands for which interval set of a rule set: the part of history that rules depend on.

A rule set names its interval sets by what they are for, the same whatever they hold. In the kernel such a set must not
change together with anything else (see `catflap.nft.plan`). So where its content changes, and other things as well,
another set takes its place, under the same name with a number, and the rules are written with that. Where nothing else
changes in what a packet can meet, the set changes in place: measured, 0 of N packets meet anything but the old or the
new content.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Final

from msgspec.structs import replace

from catflap.nft.plan import Existing
from catflap.nft.ruleset import INTERVAL, Chain, NftSet, RuleSet

# What a rule refers to, apart from what is quoted in it.
_REFERENCE: Final = re.compile(r'("[^"]*")|@([^\s"{},;]+)')
_SEEN: Final = (6, 18)  # measured, under load: see docs/dataplane.md
_NUMBER: Final = re.compile(r"(.+)/(\d+)")  # no set of a rule set has such a name


def changes_intervals_in_place(release: str) -> bool:
    """Whether a kernel of this release (``6.18.5-amd64``) was seen to do so, or is newer than one that was.

    Older ones are not trusted: some of them miss members of large sets while these change.
    """
    found = re.match(r"(\d+)\.(\d+)", release)
    return found is not None and (int(found[1]), int(found[2])) >= _SEEN


def place(existing: Existing, desired: RuleSet, *, in_place: bool = True) -> RuleSet:
    """The rule set with the names that its sets shall have in the kernel.

    Args:
        existing: what the kernel holds.
        desired: what it shall hold.
        in_place: whether this kernel changes an interval set in use without a packet that meets half of it.
    """
    holders = _holders(existing)
    intervals = [item for item in desired.sets.values() if INTERVAL in item.flags and item.name in holders]
    changed = [item for item in intervals if not any(_same(old, item) for old in holders[item.name])]
    names = {
        item.name: next(
            (old.name for old in holders[item.name] if _same(old, item)), holders[item.name][0].name
        )
        for item in intervals
    }
    placed = _renamed(desired, names)
    if not changed or (in_place and _nothing_else_changes(existing, placed, changed)):
        return placed
    return _renamed(desired, {**names, **{item.name: _free_name(existing, item.name) for item in changed}})


def _holders(existing: Existing) -> Mapping[str, list[NftSet]]:
    """The sets in the kernel that may stand for an interval set, by its name."""
    found: dict[str, list[NftSet]] = {}
    for name, item in existing.sets.items():
        if INTERVAL in item.flags:
            found.setdefault(base_name(name), []).append(item)
    return found


def _same(old: NftSet, new: NftSet) -> bool:
    return old.shape == new.shape and (old.elements is new.elements or old.elements == new.elements)


def _free_name(existing: Existing, name: str) -> str:
    candidates = (name, *(f"{name}/{number}" for number in range(2, len(existing.sets) + 3)))
    return next(candidate for candidate in candidates if candidate not in existing.sets)


def _nothing_else_changes(existing: Existing, placed: RuleSet, changed: list[NftSet]) -> bool:
    """Whether packets of either IP version meet one set that changes, and no other change."""
    types = [item.type for item in changed]
    concerned = {item.name for item in changed}
    return (
        len(set(types)) == len(types)
        and all(
            old is item
            or (
                (old is not None and old.shape == item.shape)
                and (old.elements == item.elements or base_name(name) in concerned)
            )
            for name, item in placed.sets.items()
            for old in (existing.sets.get(name),)
        )
        and existing.maps == placed.maps
        and existing.hooks == {chain.name: chain.hook for chain in placed.chains.values()}
        and existing.rules == {chain.name: chain.rules for chain in placed.chains.values()}
    )


def base_name(name: str) -> str:
    """The name that a rule set has for one of the kernel's sets."""
    match = _NUMBER.fullmatch(name)
    return match[1] if match else name


def _renamed(rule_set: RuleSet, names: Mapping[str, str]) -> RuleSet:
    """The rule set with other names of sets, in their declarations and in rules."""
    names = {old: new for old, new in names.items() if old != new}
    if not names:
        return rule_set
    sets = dict(_with_names(rule_set.sets, names))
    chains = {name: _rewritten(chain, names) for name, chain in rule_set.chains.items()}
    return replace(rule_set, sets=sets, chains=chains)


def _with_names(sets: Mapping[str, NftSet], names: Mapping[str, str]) -> Iterator[tuple[str, NftSet]]:
    for name, item in sets.items():
        new = names.get(name)
        yield (name, item) if new is None else (new, replace(item, name=new))


def _rewritten(chain: Chain, names: Mapping[str, str]) -> Chain:
    if not any("@" in rule for rule in chain.rules):
        return chain
    return replace(chain, rules=_with_references(chain.rules, tuple(names.items())))


@lru_cache(maxsize=4096)
def _with_references(rules: tuple[str, ...], names: tuple[tuple[str, str], ...]) -> tuple[str, ...]:
    """Rules that refer to sets by other names. Most rules are the same from one host policy to the next."""
    found = dict(names)

    def other(match: re.Match[str]) -> str:
        return match[1] or f"@{found.get(match[2], match[2])}"

    return tuple(_REFERENCE.sub(other, rule) if "@" in rule else rule for rule in rules)
