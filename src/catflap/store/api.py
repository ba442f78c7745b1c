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
    """Something else changed what the operation depended on, and nothing was written.

    ``paths`` are those whose version is not the expected one, as far as the store tells which.
    """

    def __init__(self, message: str, paths: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.paths = paths


class Snapshot(msgspec.Struct, frozen=True):
    """Everything there is at ``revision``.

    ``entries`` belongs to whoever gets the event, and may be emptied: a fleet's is too large to be kept twice.
    ``problems`` are all entries that cannot be read at all just now; those of the next event replace them.
    """

    revision: int
    entries: dict[str, bytes]
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


class Alive(msgspec.Struct, frozen=True):
    """In a silence of some seconds the store has proved that it still serves, and the same history.

    ``revision`` is the store's own; other people's trees may have brought it beyond that of the last change here.
    """

    revision: int


StoreEvent: TypeAlias = Snapshot | Delta | Disconnected | Connected | Alive

ABSENT = 0  # the version of what does not exist


class Entry(msgspec.Struct, frozen=True):
    """A value, and a number that is another one after every change of it (never `ABSENT`)."""

    value: bytes
    version: int


class Listing(msgspec.Struct, frozen=True):
    """What was asked for, as it was at ``revision``.

    ``problems`` are all places of the store that cannot be read just now, and may hold what was asked for, too.
    """

    revision: int
    entries: Mapping[str, Entry]
    problems: tuple[Problem, ...] = ()


class Lease(Protocol):
    """Keys that exist as long as this process keeps them, and that vanish soon after it dies."""

    def put(self, path: str, value: bytes) -> None:
        """Keep ``path`` at ``value`` from now on; `run` writes it, soon and again whenever it was lost."""

    def remove(self, path: str) -> None:
        """Let ``path`` vanish; `run` deletes it."""

    async def run(self) -> None:
        """Write and refresh for ever. A fault of the store is waited out and logged, never raised."""

    async def close(self) -> None:
        """Let all keys vanish now, if the store can be reached; they vanish by themselves otherwise."""


class StoreOptions(msgspec.Struct, frozen=True, kw_only=True):
    """How to connect: paths of PEM files, a user's credentials, and how closely to look."""

    ca_file: str | None = None
    cert_file: str | None = None
    key_file: str | None = None
    username: str | None = None
    password: str | None = None
    check_interval: float = 4.0  # seconds, about, of silence after which an etcd must prove that it serves
    strict_modes: bool = True  # of a directory: refuse files that others than root and this user may write

    def __repr__(self) -> str:
        """Everything but the password: what is written somewhere by mistake must not give it away."""
        shown = {name: getattr(self, name) for name in self.__struct_fields__ if name != "password"}
        return f"StoreOptions({', '.join(f'{name}={value!r}' for name, value in shown.items())})"


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

    def follow_tree(self, prefix: str) -> AsyncIterator[StoreEvent] | None:
        """As `follow`, for everything below ``prefix`` (which ends with ``/``); None where the store cannot do that."""

    async def get(self, path: str) -> bytes | None:
        """The value of one path, None if there is none.

        Raises:
            StoreError: the store is unavailable or refuses.
        """

    async def read(self, prefix: str) -> Listing:
        """Every entry whose path begins with ``prefix`` (which ends with ``/``, or is a whole path).

        Raises:
            StoreError: the store is unavailable or refuses.
        """

    @property
    def transaction_limit(self) -> int | None:
        """How many changes one `write` can make all or nothing; None where any number."""

    async def write(
        self, changes: Sequence[tuple[str, bytes | None]], expected: Mapping[str, int] | None = None
    ) -> int:
        """Set (or with None delete) paths, all or nothing where the store can, and return the revision.

        Where the answer was lost, that the store holds just these values since then counts as done, although another
        writer may have written the same ones: where only one of several may succeed, each needs values of its own.

        Args:
            changes: path and new value, each path once.
            expected: versions that paths must have just before (`ABSENT`: it must not exist), of paths that
                change or of others.

        Raises:
            StoreConflictError: a path has another version than the expected one.
            StoreError: the store is unavailable or refuses, or cannot do so many at once.
        """

    def lease(self, seconds: float) -> Lease:
        """Keys that vanish about ``seconds`` after the process has died.

        Raises:
            StoreError: the store has no such keys.
        """

    async def close(self) -> None:
        """Let go of connections and watches. A running `follow` ends."""
