"""The port between Catflap and whatever keeps its data. Stores implement it; nobody else knows etcd.

A store is one flat map from paths (``/calico/v1/…``, ``/calico/resources/v3/…``) to bytes. A follower first gets a
snapshot of all of it, then the changes of each revision in order, each revision whole. A follower must never end
on its own, raise for a fault outside of this process, skip a change or deliver one twice: after a doubt it sends
another snapshot.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Protocol, TypeAlias

import msgspec

from catflap.model.decoded import Problem


class StoreError(Exception):
    """An operation failed. The text says what, where and what to do."""


class StoreUnavailableError(StoreError):
    """No member of the store could be reached, or none that serves requests."""


class StoreDeniedError(StoreError):
    """The store refused the operation: credentials or permissions."""


class StoreConflictError(StoreError):
    """Something else changed what the operation depended on."""


class Snapshot(msgspec.Struct, frozen=True):
    """Everything there is at ``revision``.

    ``problems`` are all entries that cannot be read at all just now; those of the next event replace them.
    """

    revision: int
    entries: Mapping[str, bytes]
    problems: tuple[Problem, ...] = ()


class Delta(msgspec.Struct, frozen=True):
    """All changes of one revision (or of several, merged): path and new value, None for deleted.

    ``problems`` as in `Snapshot`; there may be problems and no changes.
    """

    revision: int
    changes: tuple[tuple[str, bytes | None], ...]
    problems: tuple[Problem, ...] = ()


class Disconnected(msgspec.Struct, frozen=True):
    """The store cannot be followed just now; what was delivered stays true until told otherwise."""

    reason: str


class Connected(msgspec.Struct, frozen=True):
    """The store is followed again, without a gap: no new snapshot is needed."""

    endpoint: str


StoreEvent: TypeAlias = Snapshot | Delta | Disconnected | Connected


class StoreOptions(msgspec.Struct, frozen=True, kw_only=True):
    """How to connect: paths of PEM files, and a user's credentials."""

    ca_file: str | None = None
    cert_file: str | None = None
    key_file: str | None = None
    username: str | None = None
    password: str | None = None


class Store(Protocol):
    """What every store can do."""

    @property
    def url(self) -> str:
        """The store's address, without credentials."""

    @property
    def driver(self) -> str:
        """The word for log lines: ``etcd`` or ``directory``."""

    def follow(self) -> AsyncIterator[StoreEvent]:
        """Snapshot, then changes, for ever; a fault is waited out and reported as `Disconnected`."""

    async def get(self, path: str) -> bytes | None:
        """The value of one path, None if there is none.

        Raises:
            StoreError: the store is unavailable or refuses.
        """

    async def write(self, changes: Sequence[tuple[str, bytes | None]]) -> int:
        """Set (or with None delete) paths, all or nothing where the store can, and return the revision.

        Raises:
            StoreError: the store is unavailable or refuses, or cannot do so many at once.
        """

    async def close(self) -> None:
        """Let go of connections and watches. A running `follow` ends."""
