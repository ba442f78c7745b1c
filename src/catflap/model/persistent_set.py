"""Large immutable sets of which one is made from the other by a few changes: they share what they have in common.

A set of 100,000 addresses that one endpoint enters would be copied at each step from the store to the kernel, and
compared element by element. Here the new set knows the elements of the old one and what is different, so making it and
telling the difference cost as much as the change does. To all others it is a set like any other.
"""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterable, Iterator
from collections.abc import Set as AbstractSet
from itertools import chain
from typing import Self, TypeVar

T = TypeVar("T", bound=Hashable)

_MOST = 2_048  # changes that are kept apart; more are made one with the rest
_SMALL = 256  # elements of a set that is simply copied


class PersistentSet(AbstractSet[T]):
    """An immutable set; equal to every set with the same elements.

    Args:
        elements: all of them.
    """

    __slots__ = ("_base", "_minus", "_plus")

    def __init__(self, elements: Iterable[T] = ()) -> None:
        self._base = frozenset(elements)
        self._plus: frozenset[T] = frozenset()  # none is in the base
        self._minus: frozenset[T] = frozenset()  # all are in the base

    def changed(self, added: Collection[T], removed: Collection[T]) -> Self:
        """This set with some elements more and some less; what is in both is in the result."""
        base, added = self._base, frozenset(added)
        gone = frozenset(removed) - added
        plus = (self._plus - gone) | (added - base)
        minus = (self._minus - added) | (gone & base)
        result = self.__class__()
        if len(base) <= _SMALL or len(plus) + len(minus) > min(_MOST, len(base)):
            result._base = (base - minus) | plus
        else:
            result._base, result._plus, result._minus = base, plus, minus
        return result

    def is_related_to(self, other: AbstractSet[T]) -> bool:
        """Whether the differences of the two cost no more than these are large."""
        return isinstance(other, PersistentSet) and other._base is self._base

    def __contains__(self, element: object) -> bool:
        if element in self._base:
            return element not in self._minus
        return element in self._plus

    def __iter__(self) -> Iterator[T]:
        if not self._minus:
            return chain(self._base, self._plus)
        return chain((element for element in self._base if element not in self._minus), self._plus)

    def __len__(self) -> int:
        return len(self._base) - len(self._minus) + len(self._plus)

    def __sub__(self, other: AbstractSet[object]) -> frozenset[T]:
        """The elements that the other set lacks."""
        if isinstance(other, PersistentSet):
            if other._base is self._base:
                return (self._plus - other._plus) | (other._minus - self._minus)
            return frozenset(self) - frozenset(other)
        return frozenset(self) - other

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        if isinstance(other, PersistentSet):
            if other._base is self._base:
                return self._plus == other._plus and self._minus == other._minus
            return len(self) == len(other) and frozenset(self) == frozenset(other)
        if isinstance(other, AbstractSet):
            return len(self) == len(other) and frozenset(self) == other
        return NotImplemented

    def __hash__(self) -> int:
        return hash(frozenset(self))

    def __repr__(self) -> str:
        return f"PersistentSet({set(self) or ''})"
