"""How an agent stands, as a value: what the log, the report in the store and the metrics have in common."""

from __future__ import annotations

import enum
from collections.abc import Mapping

import msgspec


class State(enum.StrEnum):
    """Where the agent stands with its store."""

    WAIT_FOR_READY = "wait-for-ready"  # the store cannot be read, or says that its data may not be acted upon
    RESYNC = "resync"  # a snapshot is being taken over
    IN_SYNC = "in-sync"  # changes are taken over as they come
    STALE = "stale"  # nobody knows whether the store says something else by now; what is enforced stays


class StoreStatus(msgspec.Struct, frozen=True):
    """What is known of the store.

    Attributes:
        state: see `State`.
        seconds_since_alive: since it last proved that it serves.
        revision_seen: the newest of its revisions that was heard of, which may concern nothing that agents follow.
        seconds_in_state: since ``state`` was entered.
        reason: why the state is not in-sync, or why changes are held back.
    """

    state: State
    seconds_since_alive: float
    revision_seen: int | None
    seconds_in_state: float
    reason: str | None


class KeptStatus(msgspec.Struct, frozen=True):
    """What is on disk.

    Attributes:
        revision: of the store, whose policy was kept last; None while this agent has kept none.
        problem: why what is in force is not on disk; None while nothing is wrong.
    """

    revision: int | None = None
    problem: str | None = None


class ConnectionsStatus(msgspec.Struct, frozen=True):
    """What has become of existing connections since the agent started (`catflap.agent.recheck`).

    Attributes:
        runs: how often all of them were rechecked.
        ended: how many were ended.
        unsure: how many were kept in the last run because nobody knows where they come from.
    """

    runs: int = 0
    ended: int = 0
    unsure: int = 0


class InvalidObject(msgspec.Struct, frozen=True, order=True, gc=False):
    """A stored object that cannot be used: its key or file, what people call it, and why."""

    path: str
    subject: str
    reasons: tuple[str, ...]


class AgentStatus(msgspec.Struct, frozen=True):
    """How the agent stands.

    Attributes:
        store: what is known of the store.
        revision_enforced: the revision of the store that is in force; None until there is one.
        invalid_objects: how many stored objects are invalid, and count as missing or stay as they were.
        resyncs: how many snapshots were taken over, or begun to be.
        not_enforced: the interfaces of which the kernel refuses the policy: they stay as they were, or are closed.
        kept: what is on disk for the next boot.
        connections: what has become of existing connections.
        invalid_kinds: how many of the invalid objects are of each kind.
        invalid: some of the invalid objects.
    """

    store: StoreStatus
    revision_enforced: int | None
    invalid_objects: int
    resyncs: int
    not_enforced: tuple[str, ...] = ()
    kept: KeptStatus = KeptStatus()
    connections: ConnectionsStatus = ConnectionsStatus()
    invalid_kinds: Mapping[str, int] = {}
    invalid: tuple[InvalidObject, ...] = ()
