"""What of a rule set the packets of an interface can meet: for whom it matters that an object cannot be programmed."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from typing import Final

from catflap.nft.ruleset import RuleSet
from catflap.nft.stages import STAGES

_QUOTED: Final = re.compile(r'"[^"]*"')
_REFERENCE: Final = re.compile(r'@([^\s"{},;]+)|(?:jump|goto) ([^\s"{},;]+)')


def interfaces_that_meet(rule_set: RuleSet, interfaces: Iterable[str], objects: Collection[str]) -> list[str]:
    """Those of the interfaces and patterns whose packets meet one of the sets, maps and chains."""
    reach = _Reach(rule_set)
    return [interface for interface in interfaces if not reach.of(interface).isdisjoint(objects)]


class _Reach:
    def __init__(self, rule_set: RuleSet) -> None:
        self._rule_set = rule_set
        self._known: dict[str, frozenset[str]] = {}

    def of(self, interface: str) -> set[str]:
        """Everything that the packets of an interface or pattern meet, but for base chains."""
        entries = {stage.chain_name(interface) for stage in STAGES}
        for stage in STAGES:
            interface_map = self._rule_set.maps.get(stage.map)
            if interface_map is not None and interface in interface_map.elements:
                entries.update(_references([interface_map.elements[interface]]))
        found: set[str] = set()
        waiting = list(entries)
        while waiting:
            name = waiting.pop()
            if name not in found:
                found.add(name)
                waiting.extend(self._from(name))
        return found

    def _from(self, name: str) -> frozenset[str]:
        """What an object refers to."""
        known = self._known.get(name)
        if known is None:
            chain, verdicts = self._rule_set.chains.get(name), self._rule_set.maps.get(name)
            texts = chain.rules if chain else verdicts.elements.values() if verdicts else ()
            known = self._known[name] = frozenset(_references(texts))
        return known


def _references(texts: Iterable[str]) -> Iterator[str]:
    for text in texts:
        for match in _REFERENCE.finditer(_QUOTED.sub("", text)):
            yield match[1] or match[2]
