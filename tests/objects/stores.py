"""Stores for tests: with a limit, and dying at any of their operations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from catflap.store import Listing, StoreUnavailableError
from catflap.store.memory import MemoryStore


class LimitedStore(MemoryStore):
    """A store whose transactions take ``limit`` keys, and compare as many, as etcd's do.

    Args:
        entries: what it holds at first.
        limit: None for any number.
        url: as which store it shall be taken.
    """

    def __init__(
        self,
        entries: Mapping[str, bytes] | None = None,
        limit: int | None = None,
        url: str = "etcd://memory",
    ) -> None:
        super().__init__(entries)
        self._limit = limit
        self._url = url
        self._dies_at: int | None = None
        self._answer_lost = False
        self.operations = 0

    @property
    def url(self) -> str:
        return self._url

    @property
    def driver(self) -> str:
        return "etcd"

    @property
    def transaction_limit(self) -> int | None:
        return self._limit

    @property
    def values(self) -> dict[str, bytes]:
        """Everything in it."""
        return dict(self._entries)

    def die_at(self, operation: int | None, *, answer_lost: bool = False) -> None:
        """Go away in an operation, counted from 1 and from now; or (None) be there again.

        With ``answer_lost`` that operation still has its effect.
        """
        self.operations = 0
        self._dies_at = operation
        self._answer_lost = answer_lost

    async def read(self, prefix: str) -> Listing:
        self._count()
        return await super().read(prefix)

    async def write(
        self, changes: Sequence[tuple[str, bytes | None]], expected: Mapping[str, int] | None = None
    ) -> int:
        if self._limit is not None:
            assert len(changes) <= self._limit
            assert len(expected or ()) <= self._limit
        self.operations += 1
        if self._dies_at == self.operations and self._answer_lost:
            await super().write(changes, expected)
        self._die_if_due()
        return await super().write(changes, expected)

    def _count(self) -> None:
        self.operations += 1
        self._die_if_due()

    def _die_if_due(self) -> None:
        if self._dies_at is not None and self.operations >= self._dies_at:
            raise StoreUnavailableError("it is dead")
