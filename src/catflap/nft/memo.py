"""What stays the same from one host policy to the next, so that it is not computed again.

Writing rules is nearly all of the work of compiling, and most changes touch one policy or the members of one IP set.
A result is reused only where everything that it was made from is equal, so it can never differ from a fresh one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

import msgspec

from catflap.model.resources import Direction, ResourceKey
from catflap.nft.rules import RuleText, rule_text
from catflap.nft.sets import Families, split_ip_set
from catflap.policy.host_policy import IpSet, RuleLists


class _Written(msgspec.Struct, frozen=True):
    lists: RuleLists
    text: RuleText


_Key: TypeAlias = tuple[ResourceKey, Direction]


class Memo:
    """Rule texts and split IP sets of the last host policy. Call `begin` for each new one."""

    def __init__(self) -> None:
        self._sources: Mapping[str, IpSet] = {}
        self.families: dict[str, Families] = {}
        self._written: dict[_Key, _Written] = {}
        self._last: dict[_Key, _Written] = {}
        self._reshaped: frozenset[str] = frozenset()

    def begin(self, ip_sets: Mapping[str, IpSet]) -> None:
        """Take the IP sets of a new host policy, and forget what the last one did not use."""
        last = self.families
        self.families = {
            name: last[name] if _same(self._sources.get(name), item) else split_ip_set(item)
            for name, item in ip_sets.items()
        }
        self._reshaped = frozenset(
            name for name, families in self.families.items() if _shape(families) != _shape(last.get(name, {}))
        )
        self._sources = dict(ip_sets)
        self._last, self._written = self._written, {}

    def text(self, lists: RuleLists, direction: Direction) -> RuleText:
        """`rule_text` of the lists."""
        key = (lists.key, direction)
        written = self._written.get(key) or self._last.get(key)
        if written is None or not self._holds(written, lists):
            written = _Written(lists, rule_text(lists, direction, self.families))
        self._written[key] = written
        return written.text

    def _holds(self, written: _Written, lists: RuleLists) -> bool:
        needed = {name for name, _ in written.text.needs.ip_sets}
        return needed.isdisjoint(self._reshaped) and _same(written.lists, lists)


def _same(old: object, new: object) -> bool:
    return old is new or old == new


def _shape(families: Families) -> dict[int, str | None]:
    """What the text of rules depends on: the name of the set of networks, if there is one."""
    return {version: sets.networks.name if sets.networks else None for version, sets in families.items()}
