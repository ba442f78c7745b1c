"""Follows the tree through one member of etcd's v2 API: read it all, then poll for one event after the other.

The v2 API keeps 1,000 events over all keys. When the next one is gone, everything is read anew; polls in quiet times
bring the index forward, so that other people's traffic does not make that happen.
"""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import TYPE_CHECKING

import msgspec
from msgspec import structs

from catflap.model import V1_ROOT
from catflap.store.api import Delta, Snapshot, StoreUnavailableError
from catflap.store.etcd2.client import HISTORY_CLEARED, LOAD_TIMEOUT, Etcd2Client, Reply
from catflap.store.etcd2.mailbox import Mailbox
from catflap.store.etcd2.tree import Answer, Content, Tree, content_of
from catflap.store.supervisor import ResyncNeededError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

    from catflap.store.api import StoreEvent

ROOT = V1_ROOT.rstrip("/")
IDLE = 10.0  # seconds of silence after which a member has to prove that it serves


class Position(msgspec.Struct, frozen=True):
    """The index up to which everything was seen, and the cluster that counts it."""

    index: int
    cluster_id: str


class Etcd2Session:
    """The session of `catflap.store.supervisor` for the v2 API. ``connect`` makes a client for an endpoint."""

    def __init__(self, connect: Callable[[str], Etcd2Client], idle: float = IDLE) -> None:
        self._connect = connect
        self._idle = idle
        self._tree = Tree()
        self._position: Position | None = None

    async def run(self, endpoint: str) -> AsyncGenerator[StoreEvent, None]:
        """Follow through ``endpoint``; see `catflap.store.supervisor.Session`."""
        async with self._connect(endpoint) as client:
            position = self._position
            if position is None:
                snapshot, position = await self._load(client)
                yield snapshot
            async with aclosing(self._watch(client, position)) as events:
                async for event in events:
                    yield event

    def forget(self) -> None:
        """See `catflap.store.supervisor.Session`."""
        self._position = None

    async def _load(self, client: Etcd2Client) -> tuple[Snapshot, Position]:
        reply = await client.read(ROOT, recursive=True, seconds=LOAD_TIMEOUT)
        content = content_of(reply.body.node) if isinstance(reply.body, Answer) else Content()
        self._tree.reset(content)
        self._position = Position(reply.index, reply.cluster_id)
        return Snapshot(reply.index, content.entries, content.problems), self._position

    async def _watch(self, client: Etcd2Client, position: Position) -> AsyncGenerator[StoreEvent, None]:
        mailbox = Mailbox()
        reader = asyncio.create_task(self._read_into(mailbox, client, position))
        try:
            while True:
                event = await mailbox.take()
                if isinstance(event, Delta):
                    event = structs.replace(event, problems=self._tree.problems)
                yield event
        finally:
            reader.cancel()
            await asyncio.wait({reader})

    async def _read_into(self, mailbox: Mailbox, client: Etcd2Client, position: Position) -> None:
        """Poll until the member fails; the error is the mailbox's last content."""
        try:
            while True:
                async with aclosing(await client.poll(ROOT, position.index + 1, self._idle)) as poll:
                    if poll.accepted:
                        if poll.index < position.index or poll.cluster_id != position.cluster_id:
                            await check_same_history(client, position)
                        mailbox.connected(client.endpoint)
                    reply = await poll.answer()
                if reply is None:
                    await check_same_history(client, position)
                    position = structs.replace(position, index=max(position.index, poll.index))
                else:
                    event = event_of(reply, client.endpoint)
                    position = structs.replace(position, index=event.node.modified_index)
                    mailbox.add(position.index, self._tree.apply(event))
                self._position = position
        except Exception as error:  # noqa: BLE001 - raised to the consumer, who would otherwise wait for ever
            mailbox.fail(error)


async def check_same_history(client: Etcd2Client, position: Position) -> None:
    """Prove by a quorum read that the member serves, and that the history is the one that ``position`` is in.

    The index in a poll's headers may lag behind; that of a quorum read may not.

    Raises:
        ResyncNeededError: it is another history.
        StoreError: the member does not serve.
    """
    reply = await client.read(ROOT)
    if reply.cluster_id != position.cluster_id:
        raise ResyncNeededError(f"another cluster answers ({reply.cluster_id}, was {position.cluster_id})")
    if reply.index < position.index:
        raise ResyncNeededError(f"the store went back to index {reply.index} from {position.index}")


def event_of(reply: Reply, endpoint: str) -> Answer:
    """The event that a poll brought.

    Raises:
        ResyncNeededError: the events wanted are no longer remembered.
        StoreUnavailableError: the poll failed for another reason.
    """
    if isinstance(reply.body, Answer):
        return reply.body
    text = f"etcd {endpoint}: {reply.body.message} {reply.body.cause}"
    if reply.body.error_code in HISTORY_CLEARED:
        raise ResyncNeededError(text)
    raise StoreUnavailableError(text)
