"""What stays the same from one host policy to the next, so that it is not computed again.

Writing rules is nearly all of the work of compiling, and most changes touch one policy or the members of one set.
A result is reused only where everything that it was made from is equal, so it can never differ from a fresh one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias, TypeVar

import msgspec

from catflap.model.resources import Direction, ResourceKey
from catflap.nft.rules import RuleText, rule_text
from catflap.nft.sets import Families, SplitSets, split_ip_set, split_port_set
from catflap.policy.host_policy import HostPolicy, RuleLists

_Source = TypeVar("_Source")
_Split = TypeVar("_Split")


class _Written(msgspec.Struct, frozen=True):
    lists: RuleLists
    text: RuleText


_Key: TypeAlias = tuple[ResourceKey, Direction]


class Memo:
    """Rule texts and split sets of the last host policy. Call `begin` for each new one."""

    def __init__(self) -> None:
        self.sets = SplitSets()
        self._policy = HostPolicy()
        self._written: dict[_Key, _Written] = {}
        self._last: dict[_Key, _Written] = {}
        self._reshaped: frozenset[str] = frozenset()

    def begin(self, policy: HostPolicy) -> None:
        """Take the sets of a new host policy, and forget what the last one did not use."""
        last, old = self._policy, self.sets
        self.sets = SplitSets(
            _split(policy.ip_sets, last.ip_sets, old.ip_sets, split_ip_set),
            _split(policy.port_sets, last.port_sets, old.port_sets, split_port_set),
        )
        self._reshaped = frozenset(
            name
            for name, families in self.sets.ip_sets.items()
            if _shape(families) != _shape(old.ip_sets.get(name, {}))
        )
        self._last = self._written if policy.accept_mark == last.accept_mark else {}
        self._written = {}
        self._policy = policy

    def text(self, lists: RuleLists, direction: Direction) -> RuleText:
        """`rule_text` of the lists."""
        key = (lists.key, direction)
        written = self._written.get(key) or self._last.get(key)
        if written is None or not self._holds(written, lists):
            text = rule_text(lists, direction, self.sets, self._policy.accept_mark)
            written = _Written(lists, text)
        self._written[key] = written
        return written.text

    def _holds(self, written: _Written, lists: RuleLists) -> bool:
        return written.text.ip_sets.isdisjoint(self._reshaped) and _same(written.lists, lists)


def _split(
    new: Mapping[str, _Source],
    last: Mapping[str, _Source],
    done: Mapping[str, _Split],
    split: Callable[[_Source], _Split],
) -> dict[str, _Split]:
    return {name: done[name] if _same(last.get(name), item) else split(item) for name, item in new.items()}


def _same(old: object, new: object) -> bool:
    return old is new or old == new


def _shape(families: Families) -> dict[int, tuple[str | None, bool]]:
    """What the text of rules depends on: the name of the set of networks, if there is one, or that it is everything."""
    return {
        version: (sets.networks.name if sets.networks else None, sets.everything)
        for version, sets in families.items()
    }
