"""Whether a member still tells the history that a follower has seen a part of.

A follower that goes on in another history would miss changes without a sign: a poll from an index that is yet to come
is accepted and silent, and a store that was wiped keeps its cluster id. So nothing here may be taken for granted.
"""

from __future__ import annotations

from contextlib import aclosing

import msgspec
from msgspec import structs

from catflap.model import V1_ROOT
from catflap.store.api import StoreUnavailableError
from catflap.store.etcd2.client import HISTORY_CLEARED, Etcd2Client, Reply
from catflap.store.etcd2.tree import REMOVALS, WRITES, Answer, Node
from catflap.store.supervisor import ResyncNeededError


class Position(msgspec.Struct, frozen=True):
    """The index up to which everything was seen, and in which history.

    That is told by the cluster, its term (0: not told), and the newest change of the tree that is known. ``silent``
    is the index at which the last poll began, if that brought nothing.
    """

    index: int
    cluster_id: str
    raft_term: int = 0
    newest: Node | None = None
    silent: int = 0

    def after_silence(self, began: int) -> Position:
        """The position after a poll that began at index ``began`` and brought nothing.

        The answer to one poll may have been held up between its headers and its event. So what is believed is that
        there was no event up to where two polls in a row began.
        """
        return structs.replace(self, index=max(self.index, min(self.silent, began)), silent=began)

    def after_event(self, event: Node) -> Position:
        """The position after a change of the tree."""
        return structs.replace(self, index=event.modified_index, newest=event, silent=0)


async def resumed(client: Etcd2Client, position: Position) -> Position:
    """As `proved`, for a member to go on with after a disconnection, in which the store may have been replaced.

    The newest change that is known has to be in the member's memory of events, unless that does not reach back so far.
    So a store that was wiped and has already grown beyond ``position`` is recognized. (A key whose time to live was
    refreshed since looks the same, and everything is read once more than necessary.)

    Raises:
        ResyncNeededError: it is another history.
        StoreError: the member does not serve.
    """
    position = await proved(client, position)
    newest = position.newest
    if newest is not None:
        async with aclosing(await client.poll(V1_ROOT, newest.modified_index)) as poll:
            reply = await poll.answer(client.timeouts.answer)
        if reply is None or (isinstance(reply.body, Answer) and reply.body.node != newest):
            raise ResyncNeededError(
                f"the change of {newest.key} at index {newest.modified_index} is not in the store's history"
            )
    return position


async def proved(client: Etcd2Client, position: Position) -> Position:
    """Prove by a quorum read that the member serves, and that the history is the one that ``position`` is in.

    The index in a poll's headers may lag behind; that of a quorum read may not.

    Raises:
        ResyncNeededError: it is another history.
        StoreError: the member does not serve.
    """
    return in_same_history(position, await client.read(V1_ROOT))


def in_same_history(position: Position, reply: Reply) -> Position:
    """Check the reply to a quorum read; the position with the reply's term.

    Raises:
        ResyncNeededError: it comes from another history.
    """
    if reply.cluster_id != position.cluster_id:
        raise ResyncNeededError(f"another cluster answers ({reply.cluster_id}, was {position.cluster_id})")
    if reply.index < position.index:
        raise ResyncNeededError(f"the store went back to index {reply.index} from {position.index}")
    if 0 < reply.raft_term < position.raft_term:
        raise ResyncNeededError(f"the store went back to term {reply.raft_term} from {position.raft_term}")
    return structs.replace(position, raft_term=max(reply.raft_term, position.raft_term))


def event_of(reply: Reply, endpoint: str, wanted: int) -> Answer:
    """The event that a poll for the first one from index ``wanted`` on brought.

    Raises:
        ResyncNeededError: the events wanted are no longer remembered.
        StoreUnavailableError: the poll failed for another reason, or its answer is none.
    """
    body = reply.body
    if isinstance(body, Answer):
        if body.action not in REMOVALS | WRITES or body.node.modified_index < wanted:
            raise StoreUnavailableError(
                f"etcd {endpoint}: strange answer to a poll from index {wanted}: "
                f"action {body.action!r} at index {body.node.modified_index}"
            )
        return body
    if body.error_code in HISTORY_CLEARED:
        raise ResyncNeededError(f"etcd {endpoint}: {body.text}")
    raise StoreUnavailableError(f"etcd {endpoint}: {body.text}")
