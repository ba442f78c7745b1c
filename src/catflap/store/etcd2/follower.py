"""Follows the tree through one member of etcd's v2 API: read it all, then poll for one event after the other.

The v2 API keeps 1,000 events over all keys. When the next one is gone, everything is read anew; polls in quiet times
bring the index forward, so that other people's traffic does not make that happen. A silent member is never believed:
it has to prove by a quorum read that it serves, so that one that is frozen, cut off or without quorum is left in less
than ten seconds.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import aclosing
from typing import TYPE_CHECKING

import msgspec

from catflap.model import V1_ROOT
from catflap.store.api import Snapshot
from catflap.store.etcd2.client import Timeouts
from catflap.store.etcd2.history import Position, event_of, proved, resumed
from catflap.store.etcd2.mailbox import Mailbox
from catflap.store.etcd2.tree import Answer, Node, Tree, content_of, newest_of
from catflap.store.pace import spread
from catflap.store.supervisor import ResyncNeededError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

    from catflap.store.api import StoreEvent
    from catflap.store.etcd2.client import Etcd2Client, Poll


class Tuning(msgspec.Struct, frozen=True, kw_only=True):
    """Times of a follower, in seconds."""

    silence: float = 4.0  # give or take a quarter; after that a member has to prove that it serves
    timeouts: Timeouts = Timeouts()
    reload_after: float = 3600.0  # a full read now and then heals what no check can see


DEFAULT_TUNING = Tuning()


class Etcd2Session:
    """The session of `catflap.store.supervisor` for the v2 API. ``connect`` makes a client for an endpoint."""

    def __init__(self, connect: Callable[[str], Etcd2Client], tuning: Tuning = DEFAULT_TUNING) -> None:
        self._connect = connect
        self._tuning = tuning
        self._tree = Tree()
        self._position: Position | None = None
        self._reload_at = 0.0

    async def run(self, endpoint: str) -> AsyncGenerator[StoreEvent, None]:
        """Follow through ``endpoint``; see `catflap.store.supervisor.Session`."""
        async with self._connect(endpoint) as client:
            snapshot = None
            if self._position is None:
                snapshot, position = await self._load(client)
            else:
                position = await resumed(client, self._position)
            self._position = position
            async with aclosing(self._watch(client, position, snapshot)) as events:
                async for event in events:
                    yield event

    def forget(self) -> None:
        """See `catflap.store.supervisor.Session`."""
        self._position = None

    async def _load(self, client: Etcd2Client) -> tuple[Snapshot, Position]:
        reply = await client.load(V1_ROOT)
        tree = reply.body.node if isinstance(reply.body, Answer) else Node(dir=True)
        content = content_of(tree)
        self._tree.reset(content)
        self._reload_at = time.monotonic() + spread(self._tuning.reload_after)
        position = Position(reply.index, reply.cluster_id, reply.raft_term, newest_of(tree))
        return Snapshot(reply.index, content.entries, content.problems), position

    async def _watch(
        self, client: Etcd2Client, position: Position, snapshot: Snapshot | None
    ) -> AsyncGenerator[StoreEvent, None]:
        """The snapshot, if there is one, and what comes after ``position``; reading waits for no consumer."""
        mailbox = Mailbox(self._tree.problems)
        reader = asyncio.create_task(self._read_into(mailbox, client, position))
        try:
            if snapshot is not None:
                yield snapshot
            while True:
                yield await mailbox.take()
        finally:
            reader.cancel()
            await asyncio.wait({reader})

    async def _read_into(self, mailbox: Mailbox, client: Etcd2Client, position: Position) -> None:
        """Poll until the member fails; the error is the mailbox's last content."""
        try:
            while time.monotonic() < self._reload_at:
                self._position = position = await self._poll_once(mailbox, client, position)
            raise ResyncNeededError("time for the regular full read")  # noqa: TRY301 - to the consumer, too
        except Exception as error:  # noqa: BLE001 - raised to the consumer, who would otherwise wait for ever
            mailbox.fail(error)

    async def _poll_once(self, mailbox: Mailbox, client: Etcd2Client, position: Position) -> Position:
        """Put the first event after ``position``, or a sign of life, into the mailbox; the position after it."""
        wanted = position.index + 1
        async with aclosing(await client.poll(V1_ROOT, wanted)) as poll:
            if poll.accepted:
                if _doubtful(poll, position):
                    position = await proved(client, position)
                mailbox.connected(client.endpoint)
            reply = await poll.answer(spread(self._tuning.silence, 0.25))
        if reply is None:
            position = (await proved(client, position)).after_silence(poll.index)
            mailbox.alive(position.index)
        else:
            event = event_of(reply, client.endpoint, wanted)
            position = position.after_event(event.node)
            mailbox.add(position.index, self._tree.apply(event), self._tree.problems)
        return position


def _doubtful(poll: Poll, position: Position) -> bool:
    """Whether the member that accepted a poll lags behind, or tells another history."""
    return poll.index < position.index or poll.cluster_id != position.cluster_id
