"""What stays the same from one host policy to the next, so that it is not computed again.

Writing rules is nearly all of the work of compiling, and most changes touch one policy or the members of one set.
A result is reused only where everything that it was made from is equal, so it can never differ from a fresh one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from typing import Generic, TypeAlias, TypeVar

import msgspec

from catflap.model.resources import Direction, ResourceKey
from catflap.nft.clauses import Clauses, clauses_of
from catflap.nft.decision import Decisions
from catflap.nft.rules import RuleText, rule_text
from catflap.nft.sets import Families, SplitSets, split_port_set
from catflap.nft.split import Splitter, split_all
from catflap.nft.style import DEFAULT_STYLE, RuleStyle
from catflap.policy.host_policy import HostPolicy, RuleLists

_Source = TypeVar("_Source")
_Split = TypeVar("_Split")
_Text = TypeVar("_Text", RuleText, Clauses)


class _Written(msgspec.Struct, Generic[_Text], frozen=True):
    lists: RuleLists
    text: _Text


class _OfLists(Generic[_Text]):
    """What was written for the rules of policies and profiles, one direction each."""

    def __init__(self) -> None:
        self._written: dict[_Key, _Written[_Text]] = {}
        self._last: dict[_Key, _Written[_Text]] = {}

    def begin(self, *, keep: bool) -> None:
        """Forget what was not asked for since the last call; with ``keep`` not the rest."""
        self._last, self._written = self._written if keep else {}, {}

    def get(
        self, lists: RuleLists, direction: Direction, reshaped: AbstractSet[str], write: Callable[[], _Text]
    ) -> _Text:
        """What ``write`` gives, or has given for the same rules where none of their sets was ``reshaped``."""
        key = (lists.key, direction)
        written = self._written.get(key) or self._last.get(key)
        if (
            written is None
            or not written.text.ip_sets.isdisjoint(reshaped)
            or not _same(written.lists, lists)
        ):
            written = _Written(lists, write())
        self._written[key] = written
        return written.text


_Key: TypeAlias = tuple[ResourceKey, Direction]


class Memo:
    """Rule texts and split sets of the last host policy.

    Call `begin` for each new one, and then `begin_writing` if rules are to be written.

    Args:
        style: how rules are written.

    Attributes:
        decisions: writes trees of rules.
        counting: for what packets are counted.
        sets: those of the host policy, split.
        reshaped: the IP sets that rules have to be written anew for, or that are new or gone.
    """

    def __init__(self, style: RuleStyle = DEFAULT_STYLE) -> None:
        self.sets = SplitSets()
        self._policy = HostPolicy()
        self._splitters: dict[str, Splitter] = {}
        self._keep = True  # rules are written with the same accept mark as before
        self._texts = _OfLists[RuleText]()
        self._clauses = _OfLists[Clauses]()
        self.decisions = Decisions(style)
        self.counting = style.counting
        self.reshaped: frozenset[str] = frozenset()

    def begin(self, policy: HostPolicy) -> None:
        """Take the sets of a new host policy."""
        last, old = self._policy, self.sets
        splitters, self._splitters = self._splitters, {}
        self._splitters = split_all(policy.ip_sets, splitters)
        self.sets = SplitSets(
            {name: splitter.families for name, splitter in self._splitters.items()},
            _split(policy.port_sets, last.port_sets, old.port_sets, split_port_set),
            old.unions,
        )
        self.reshaped = frozenset(
            name
            for name in self.sets.ip_sets.keys() | old.ip_sets.keys()
            if not _same_shape(old.ip_sets.get(name, {}), self.sets.ip_sets.get(name, {}))
        )
        self._keep &= policy.accept_mark == last.accept_mark
        self._policy = policy

    def begin_writing(self) -> None:
        """Forget what was not used since the last call. Not to be called where no rules are written."""
        for written in (self._texts, self._clauses):
            written.begin(keep=self._keep)
        self._keep = True
        self.decisions.begin(self.sets)

    def text(self, lists: RuleLists, direction: Direction) -> RuleText:
        """`rule_text` of the lists."""
        return self._texts.get(
            lists,
            direction,
            self.reshaped,
            lambda: rule_text(lists, direction, self.sets, self._policy.accept_mark, self.counting),
        )

    def clauses(self, lists: RuleLists, direction: Direction) -> Clauses:
        """`clauses_of` the lists."""
        return self._clauses.get(
            lists,
            direction,
            self.reshaped,
            lambda: clauses_of(lists, direction, self.sets, self._policy.accept_mark, self.counting),
        )


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


def _shape(families: Families) -> dict[int, tuple[bool, bool, int | None]]:
    """What the text of rules depends on: whether there is a set of networks, or that it is everything; its weight."""
    return {
        version: (sets.networks is not None, sets.everything, sets.weight)
        for version, sets in families.items()
    }
