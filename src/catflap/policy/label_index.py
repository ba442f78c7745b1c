"""Which items match which criteria, kept up to date item by item and criterion by criterion.

The index exists so that neither a changed endpoint costs one evaluation for every criterion in use, nor a new criterion
one for every endpoint: an item is evaluated against the criteria that its labels can match, and a criterion against the
items that can match it. It must give what evaluating all against all would give. It knows nothing of policies or
addresses.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from itertools import chain
from typing import Generic, Protocol, TypeVar

from catflap.model.selector_analysis import Requirement

Item = TypeVar("Item", bound=Hashable)
CriterionType = TypeVar("CriterionType", bound="Criterion")
_Value = TypeVar("_Value")
_Member = TypeVar("_Member")


class Criterion(Hashable, Protocol):
    """Anything that says yes or no to a set of labels: a selector, a tag."""

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Whether an item with these labels belongs."""

    def requirements(self) -> tuple[Requirement, ...]:
        """What labels must have in order to match, as `catflap.model.selector_analysis.requirements` says it."""


class LabelIndex(Generic[Item, CriterionType]):
    """Items with labels on one side, criteria on the other, and who matches whom in between."""

    def __init__(self) -> None:
        self._labels: dict[Item, Mapping[str, str]] = {}
        self._items: dict[CriterionType, set[Item]] = {}
        self._candidates = _Candidates[Item, CriterionType]()

    def set_item(self, item: Item, labels: Mapping[str, str]) -> set[CriterionType]:
        """Add an item or change its labels; returns the criteria that it now matches and did not, or the reverse.

        The labels are kept, so they must not change afterwards.
        """
        old = self._labels.get(item)
        if old == labels:
            return set()
        self._labels[item] = labels
        concerned = self._candidates.concerned(labels)
        if old is not None:
            concerned |= self._candidates.concerned(old)
            self._candidates.take_out(item, old)
        self._candidates.put_in(item, labels)
        changed = set()
        for criterion in concerned:
            items = self._items[criterion]
            if criterion.matches(labels) != (item in items):
                items.symmetric_difference_update((item,))
                changed.add(criterion)
        return changed

    def remove_item(self, item: Item) -> set[CriterionType]:
        """Forget an item; returns the criteria that it matched."""
        labels = self._labels.pop(item, None)
        if labels is None:
            return set()
        self._candidates.take_out(item, labels)
        changed = {
            criterion for criterion in self._candidates.concerned(labels) if item in self._items[criterion]
        }
        for criterion in changed:
            self._items[criterion].discard(item)
        return changed

    def has(self, item: Item, labels: Mapping[str, str]) -> bool:
        """Whether an item is known, with just these labels."""
        return self._labels.get(item) == labels

    def criteria_of(self, item: Item) -> set[CriterionType]:
        """The criteria that a known item matches."""
        concerned = self._candidates.concerned(self._labels[item])
        return {criterion for criterion in concerned if item in self._items[criterion]}

    def add_criterion(self, criterion: CriterionType) -> None:
        """Follow a criterion. Adding it again changes nothing."""
        if criterion in self._items:
            return
        candidates = self._candidates.add(criterion, self._labels)
        self._items[criterion] = {item for item in candidates if criterion.matches(self._labels[item])}

    def remove_criterion(self, criterion: CriterionType) -> None:
        """Follow a criterion no longer."""
        if self._items.pop(criterion, None) is not None:
            self._candidates.remove(criterion)

    def items(self, criterion: CriterionType) -> AbstractSet[Item]:
        """The items that match a followed criterion (a live view: copy it to keep it)."""
        return self._items[criterion]

    def criteria(self) -> AbstractSet[CriterionType]:
        """The criteria that are followed."""
        return self._items.keys()


class _Candidates(Generic[Item, CriterionType]):
    """Who can match whom: each criterion is filed under that of its requirements which the fewest items meet.

    Items are filed under those of their labels which some requirement names, and under no other: most labels of a fleet
    (the names of its hosts, say) stand in no selector.
    """

    def __init__(self) -> None:
        self._by_label: dict[str, _Label[Item, CriterionType]] = {}
        self._filed_under: dict[CriterionType, Requirement] = {}
        self._unfiled: set[CriterionType] = set()  # criteria that require nothing

    def concerned(self, labels: Mapping[str, str]) -> set[CriterionType]:
        """The criteria that these labels can match."""
        found = self._unfiled.copy()
        for label, value in self._indexed(labels):
            found.update(label.criteria.get(value, ()), label.criteria.get(None, ()))
        return found

    def put_in(self, item: Item, labels: Mapping[str, str]) -> None:
        """File an item under its labels."""
        for label, value in self._indexed(labels):
            label.items.setdefault(value, set()).add(item)

    def take_out(self, item: Item, labels: Mapping[str, str]) -> None:
        """The reverse of `put_in`."""
        for label, value in self._indexed(labels):
            _discard(label.items, value, item)

    def _indexed(self, labels: Mapping[str, str]) -> list[tuple[_Label[Item, CriterionType], str]]:
        by_label = self._by_label
        return [(by_label[name], value) for name, value in labels.items() if name in by_label]

    def add(self, criterion: CriterionType, items: Mapping[Item, Mapping[str, str]]) -> Iterable[Item]:
        """File a criterion; returns those of all ``items`` (with their labels) that it can match."""
        requirements = criterion.requirements()
        for name in _labels_in(requirements):
            self._label(name, items).users += 1
        if not requirements:
            self._unfiled.add(criterion)
            return items
        rarest = min(requirements, key=self._count)
        self._filed_under[criterion] = rarest
        for name, value in rarest:
            self._by_label[name].criteria.setdefault(value, set()).add(criterion)
        return chain.from_iterable(self._groups(rarest))

    def remove(self, criterion: CriterionType) -> None:
        """The reverse of `add`."""
        self._unfiled.discard(criterion)
        for name, value in self._filed_under.pop(criterion, ()):
            _discard(self._by_label[name].criteria, value, criterion)
        for name in _labels_in(criterion.requirements()):
            label = self._by_label[name]
            label.users -= 1
            if not label.users:
                del self._by_label[name]

    def _label(self, name: str, items: Mapping[Item, Mapping[str, str]]) -> _Label[Item, CriterionType]:
        label = self._by_label.get(name)
        if label is None:
            label = self._by_label[name] = _Label()
            for item, labels in items.items():
                if name in labels:
                    label.items.setdefault(labels[name], set()).add(item)
        return label

    def _count(self, requirement: Requirement) -> int:
        return sum(len(group) for group in self._groups(requirement))

    def _groups(self, requirement: Requirement) -> Iterator[set[Item]]:
        """The items that meet a requirement, in groups of one value each."""
        for name, value in requirement:
            items = self._by_label[name].items
            if value is None:
                yield from items.values()
            elif value in items:
                yield items[value]


class _Label(Generic[Item, CriterionType]):
    """A label that requirements name. ``users`` counts the criteria that have such a requirement."""

    def __init__(self) -> None:
        self.items: dict[str, set[Item]] = {}  # by value
        self.criteria: dict[str | None, set[CriterionType]] = {}  # by value; None is any
        self.users = 0


def _labels_in(requirements: Iterable[Requirement]) -> set[str]:
    return {name for requirement in requirements for name, _ in requirement}


def _discard(groups: dict[_Value, set[_Member]], value: _Value, member: _Member) -> None:
    """Take a member out of its group; an empty group is not kept."""
    group = groups[value]
    group.discard(member)
    if not group:
        del groups[value]
