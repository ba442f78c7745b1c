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
from catflap.nft.sets import Families, SplitSets, split_port_set
from catflap.nft.split import Splitter, split_all
from catflap.policy.host_policy import HostPolicy, RuleLists

_Source = TypeVar("_Source")
_Split = TypeVar("_Split")


class _Written(msgspec.Struct, frozen=True):
    lists: RuleLists
    text: RuleText


_Key: TypeAlias = tuple[ResourceKey, Direction]


class Memo:
    """Rule texts and split sets of the last host policy. Call `begin` for each new one.

    Attributes:
        sets: those of the host policy, split.
        reshaped: the IP sets that rules have to be written anew for, or that are new or gone.
    """

    def __init__(self) -> None:
        self.sets = SplitSets()
        self._policy = HostPolicy()
        self._splitters: dict[str, Splitter] = {}
        self._written: dict[_Key, _Written] = {}
        self._last: dict[_Key, _Written] = {}
        self.reshaped: frozenset[str] = frozenset()

    def begin(self, policy: HostPolicy) -> None:
        """Take the sets of a new host policy, and forget what the last one did not use."""
        last, old = self._policy, self.sets
        splitters, self._splitters = self._splitters, {}
        self._splitters = split_all(policy.ip_sets, splitters)
        self.sets = SplitSets(
            {name: splitter.families for name, splitter in self._splitters.items()},
            _split(policy.port_sets, last.port_sets, old.port_sets, split_port_set),
        )
        self.reshaped = frozenset(
            name
            for name in self.sets.ip_sets.keys() | old.ip_sets.keys()
            if not _same_shape(old.ip_sets.get(name, {}), self.sets.ip_sets.get(name, {}))
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
        return written.text.ip_sets.isdisjoint(self.reshaped) and _same(written.lists, lists)


def _split(
    new: Mapping[str, _Source],
    last: Mapping[str, _Source],
    done: Mapping[str, _Split],
    split: Callable[[_Source], _Split],
) -> dict[str, _Split]:
    return {name: done[name] if _same(last.get(name), item) else split(item) for name, item in new.items()}


def _same(old: object, new: object) -> bool:
    return old is new or old == new


def _same_shape(old: Families, new: Families) -> bool:
    return old is new or _shape(old) == _shape(new)


def _shape(families: Families) -> dict[int, tuple[bool, bool]]:
    """What the text of rules depends on: whether there is a set of networks, or that it is everything."""
    return {version: (sets.networks is not None, sets.everything) for version, sets in families.items()}
