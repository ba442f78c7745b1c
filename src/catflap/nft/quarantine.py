"""What the kernel has refused, so that it is not asked about it again with every change of something else."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from catflap.nft.ruleset import Chain, RuleSet, SetOrMap


class Refused(msgspec.Struct, frozen=True):
    """A set, map or chain that the kernel refuses, and what became of it.

    Attributes:
        object: names it.
        reason: the kernel's own words.
        interfaces: on which it is missed.
        kept: these stay as they were; otherwise they are closed to new connections, but for failsafe ports and
            essential ICMPv6.
    """

    object: str
    reason: str
    interfaces: tuple[str, ...]
    kept: bool


class Quarantine:
    """The objects that were refused last, as they were then."""

    def __init__(self) -> None:
        self._objects: dict[str, Chain | SetOrMap | None] = {}
        self._reasons: Mapping[str, str] = {}

    def put(self, rule_set: RuleSet, reasons: Mapping[str, str]) -> None:
        """Remember objects of a rule set, by name, that were refused. Others are forgotten."""
        self._objects = {name: find(rule_set, name) for name in reasons}
        self._reasons = reasons

    def among(self, rule_set: RuleSet) -> Mapping[str, str]:
        """Those that a rule set has, unchanged, with the reasons."""
        return {
            name: self._reasons[name]
            for name, item in self._objects.items()
            if item is not None and find(rule_set, name) == item
        }


def find(rule_set: RuleSet, name: str) -> Chain | SetOrMap | None:
    """The object of a name, which only one has."""
    return rule_set.sets.get(name) or rule_set.maps.get(name) or rule_set.chains.get(name)


def title(rule_set: RuleSet, name: str) -> str:
    """Names an object of a rule set for people."""
    if name in rule_set.sets:
        item = rule_set.sets[name]
        about = f" ({item.comment})" if item.comment else ""
        return f"set {name} of size {len(item.elements):,}{about}"
    return f"{'map' if name in rule_set.maps else 'chain'} {name}"
