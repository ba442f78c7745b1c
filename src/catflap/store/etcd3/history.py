"""Recognizes a store's history: is it still the one whose changes were delivered, and does the watch keep up? Pure.

Revision numbers alone do not tell. A store restored from a backup counts on from an older revision and soon has
passed the follower's; the cluster id stays the same. So one change that was delivered is remembered, the newest, and
looked up again whenever there is reason for doubt.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from catflap.store.etcd3 import etcd_pb2 as pb
from catflap.store.etcd3.assembler import decode_path
from catflap.store.supervisor import ResyncNeededError

if TYPE_CHECKING:
    from collections.abc import Sequence

NOTHING = 0  # the modification revision of what does not exist; etcd begins to count at 1


class Witness(msgspec.Struct, frozen=True):
    """The newest change known: a key and the revision that last set it, or `NOTHING` where no key is any more.

    In a store without keys it is the whole range (up to ``range_end``), with nothing in it.
    """

    key: bytes
    revision: int
    range_end: bytes = b""

    def __str__(self) -> str:
        """The path, for messages."""
        return decode_path(self.key)


class Cursor:
    """How far a follower has come, in which history.

    Args:
        header: of the answer with which everything was read; also the beginning of the history that is watched.
        witness: the newest entry at that revision.
    """

    def __init__(self, header: pb.ResponseHeader, witness: Witness) -> None:
        self.revision = header.revision
        self.witness = witness
        self._cluster_id = header.cluster_id
        self._raft_term = header.raft_term

    def advance(self, events: Sequence[pb.Event]) -> None:
        """Go on by whole revisions, in order.

        Raises:
            ResyncNeededError: they are not newer than what was delivered already.
        """
        first, last = events[0].kv, events[-1]
        if first.mod_revision <= self.revision:
            raise ResyncNeededError(
                f"the watch went back to revision {first.mod_revision} from {self.revision}"
            )
        deleted = last.type == pb.Event.DELETE
        self.revision = last.kv.mod_revision
        self.witness = Witness(last.kv.key, NOTHING if deleted else last.kv.mod_revision)

    def progress(self, revision: int) -> None:
        """Go on to ``revision``, up to which there are no more changes."""
        self.revision = max(self.revision, revision)

    def request(self, *, then: bool) -> pb.RangeRequest:
        """The read of the witness: as it was ``then``, when the last change was delivered, or as it is now."""
        revision = self.revision if then else 0
        return pb.RangeRequest(
            key=self.witness.key, range_end=self.witness.range_end, revision=revision, limit=1, keys_only=True
        )

    def check_past(self, answer: pb.RangeResponse) -> None:
        """Check the answer to a read of the witness as it was then.

        Raises:
            ResyncNeededError: it comes from another history.
        """
        self._check_header(answer.header)
        if _found(answer) != self.witness.revision:
            raise self._contradiction(answer)

    def is_behind(self, answer: pb.RangeResponse) -> bool:
        """Whether the answer to a read of the witness as it is now shows a change that was not delivered.

        Raises:
            ResyncNeededError: it comes from another history.
        """
        self._check_header(answer.header)
        found = _found(answer)
        if found == self.witness.revision:
            return False
        if found != NOTHING and found <= self.revision:
            raise self._contradiction(answer)
        return True

    def _check_header(self, header: pb.ResponseHeader) -> None:
        """A watch from a revision that is yet to come is accepted and stays silent: so that is looked for first."""
        if header.cluster_id != self._cluster_id:
            raise ResyncNeededError(
                f"another cluster answers ({header.cluster_id:x}, was {self._cluster_id:x})"
            )
        if header.revision < self.revision:
            raise ResyncNeededError(f"the store went back to revision {header.revision} from {self.revision}")
        if header.raft_term < self._raft_term:
            raise ResyncNeededError(f"the store went back to term {header.raft_term} from {self._raft_term}")
        self._raft_term = header.raft_term

    def _contradiction(self, answer: pb.RangeResponse) -> ResyncNeededError:
        return ResyncNeededError(
            f"the store's history is another one: {self.witness} was {_described(self.witness.revision)} as "
            f"delivered, and is {_described(_found(answer))} in the store (was it restored from a backup?)"
        )


def _found(answer: pb.RangeResponse) -> int:
    return answer.kvs[0].mod_revision if answer.kvs else NOTHING


def _described(revision: int) -> str:
    return "absent" if revision == NOTHING else f"set in revision {revision}"
