"""Large immutable sets of which one is made from the other by a few changes: they share what they have in common.

A set of 100,000 addresses that one endpoint enters would be copied at each step from the store to the kernel, and
compared element by element. Here the new set knows the elements of the old one and what is different, so making it and
telling the difference cost as much as the change does. To all others it is a set like any other.
"""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterable, Iterator
from collections.abc import Set as AbstractSet
from itertools import chain
from typing import Any, NamedTuple, Self, TypeVar

T = TypeVar("T", bound=Hashable)

_MOST = 2_048  # changes that are kept apart; more are made one with the rest
_SMALL = 256  # elements of a set that is simply copied


class _View(NamedTuple):
    """A set as another one and what is different: none of ``plus`` is in ``base``, all of ``minus`` are."""

    base: frozenset[Any]
    plus: frozenset[Any] = frozenset()
    minus: frozenset[Any] = frozenset()


class PersistentSet(AbstractSet[T]):
    """An immutable set; equal to every set with the same elements.

    Args:
        elements: all of them.
    """

    __slots__ = ("_before", "_view")

    def __init__(self, elements: Iterable[T] = ()) -> None:
        self._view = _View(frozenset(elements))
        self._before: _View | None = None  # the same set by what those before it were made of

    def changed(self, added: Collection[T], removed: Collection[T]) -> Self:
        """This set with some elements more and some less; what is in both is in the result."""
        base = self._view.base
        more = frozenset(added)
        less = frozenset(removed) - more
        view = _View(
            base, (self._view.plus - less) | (more - base), (self._view.minus - more) | (less & base)
        )
        if len(base) > _SMALL and len(view.plus) + len(view.minus) <= min(_MOST, len(base)):
            return self._made_of(view)
        return self._made_of(_View((base - view.minus) | view.plus), view)

    @classmethod
    def _made_of(cls, view: _View, before: _View | None = None) -> Self:
        made = cls()
        made._view, made._before = view, before  # its own
        return made

    def is_related_to(self, other: AbstractSet[T]) -> bool:
        """Whether the differences of the two cost no more than these are large."""
        return isinstance(other, PersistentSet) and self._common(other) is not None

    def _common(self, other: PersistentSet[Any]) -> tuple[_View, _View] | None:
        """Both by the same base, if there is one."""
        for own in filter(None, (self._view, self._before)):
            for theirs in filter(None, (other._view, other._before)):
                if own.base is theirs.base:
                    return own, theirs
        return None

    def __contains__(self, element: object) -> bool:
        if element in self._view.base:
            return element not in self._view.minus
        return element in self._view.plus

    def __iter__(self) -> Iterator[T]:
        base, plus, minus = self._view
        if not minus:
            return chain(base, plus)
        return chain((element for element in base if element not in minus), plus)

    def __len__(self) -> int:
        return len(self._view.base) - len(self._view.minus) + len(self._view.plus)

    def __sub__(self, other: AbstractSet[object]) -> frozenset[T]:
        """The elements that the other set lacks."""
        if not isinstance(other, PersistentSet):
            return frozenset(self) - other
        common = self._common(other)
        if common is None:
            return frozenset(self) - frozenset(other)
        own, theirs = common
        return (own.plus - theirs.plus) | (theirs.minus - own.minus)

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        if isinstance(other, PersistentSet):
            common = self._common(other)
            if common is not None:
                return common[0] == common[1]
            return len(self) == len(other) and frozenset(self) == frozenset(other)
        if isinstance(other, AbstractSet):
            return len(self) == len(other) and frozenset(self) == other
        return NotImplemented

    def __hash__(self) -> int:
        return hash(frozenset(self))

    def __repr__(self) -> str:
        return f"PersistentSet({set(self) or ''})"
