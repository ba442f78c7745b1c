"""Which items match which criteria, kept up to date item by item and criterion by criterion.

The index exists so that one changed endpoint costs one evaluation for each criterion in use, and one new criterion
costs one evaluation for each item, never all against all. It knows nothing of policies or addresses.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from collections.abc import Set as AbstractSet
from typing import Generic, Protocol, TypeVar

Item = TypeVar("Item", bound=Hashable)
CriterionType = TypeVar("CriterionType", bound="Criterion")


class Criterion(Hashable, Protocol):
    """Anything that says yes or no to a set of labels: a selector, a tag."""

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Whether an item with these labels belongs."""


class LabelIndex(Generic[Item, CriterionType]):
    """Items with labels on one side, criteria on the other, and who matches whom in between."""

    def __init__(self) -> None:
        self._labels: dict[Item, Mapping[str, str]] = {}
        self._items: dict[CriterionType, set[Item]] = {}

    def set_item(self, item: Item, labels: Mapping[str, str]) -> set[CriterionType]:
        """Add an item or change its labels; returns the criteria that it now matches and did not, or the reverse."""
        if self._labels.get(item) == labels:
            return set()
        self._labels[item] = labels
        changed = set()
        for criterion, items in self._items.items():
            if criterion.matches(labels) != (item in items):
                items.symmetric_difference_update((item,))
                changed.add(criterion)
        return changed

    def remove_item(self, item: Item) -> set[CriterionType]:
        """Forget an item; returns the criteria that it matched."""
        self._labels.pop(item, None)
        changed = set()
        for criterion, items in self._items.items():
            if item in items:
                items.discard(item)
                changed.add(criterion)
        return changed

    def add_criterion(self, criterion: CriterionType) -> None:
        """Follow a criterion. Adding it again changes nothing."""
        if criterion not in self._items:
            self._items[criterion] = {
                item for item, labels in self._labels.items() if criterion.matches(labels)
            }

    def remove_criterion(self, criterion: CriterionType) -> None:
        """Follow a criterion no longer."""
        self._items.pop(criterion, None)

    def items(self, criterion: CriterionType) -> AbstractSet[Item]:
        """The items that match a followed criterion (a live view: copy it to keep it)."""
        return self._items[criterion]

    def criteria(self) -> AbstractSet[CriterionType]:
        """The criteria that are followed."""
        return self._items.keys()
