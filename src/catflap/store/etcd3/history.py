"""Recognizes a store's history: is it still the one whose changes were delivered, and does the watch keep up? Pure.

Revision numbers alone do not tell. A store restored from a backup, or filled anew, counts on from an older revision
and soon has passed the follower's; the cluster id stays the same. So the newest of what was delivered is remembered
and looked up again whenever there is reason for doubt.
"""

from __future__ import annotations

import hashlib
from heapq import nlargest
from operator import attrgetter
from typing import TYPE_CHECKING

import msgspec

from catflap.store.etcd3 import etcd_pb2 as pb
from catflap.store.etcd3.paths import decode_path
from catflap.store.supervisor import ResyncNeededError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

NOTHING = 0  # the modification revision of what does not exist; etcd begins to count at 1
KEPT = 16  # entries that are remembered: when the newest is deleted, the next one serves


class Witness(msgspec.Struct, frozen=True):
    """A key, the revision that last set it, and a digest of its value; or that there is no such key.

    With ``range_end`` it is that there is no key at all from ``key`` up to there.
    """

    key: bytes
    revision: int = NOTHING
    digest: bytes = b""
    range_end: bytes = b""

    @property
    def read(self) -> pb.RangeRequest:
        """How to look it up."""
        return pb.RangeRequest(key=self.key, range_end=self.range_end, limit=1)

    def __str__(self) -> str:
        """For messages."""
        return f"{decode_path(self.key)} was {_described(self.revision)}"


def newest(known: Sequence[Witness], kvs: Iterable[pb.KeyValue]) -> list[Witness]:
    """The `KEPT` entries that were changed last, of those known and of further ones."""
    further = [_witness(kv) for kv in nlargest(KEPT, kvs, key=attrgetter("mod_revision"))]
    return nlargest(KEPT, [*known, *further], key=attrgetter("revision"))


class Position:
    """How far a follower has come, in which history.

    Args:
        header: of the answer with which everything was read; also the beginning of the history that is watched.
        witnesses: the newest entries; or, without any, the whole range with nothing in it.
    """

    def __init__(self, header: pb.ResponseHeader, witnesses: Sequence[Witness]) -> None:
        self.revision = header.revision
        self._cluster_id = header.cluster_id
        self._raft_term = header.raft_term
        standing = sorted((each for each in witnesses if each.revision), key=attrgetter("revision"))
        self._standing = {witness.key: witness for witness in standing}  # the newest is the last
        self._absent = None if standing else witnesses[0]

    @property
    def witnesses(self) -> list[Witness]:
        """What is looked up: the newest entry, and what was deleted after it."""
        newest = list(self._standing.values())[-1:]
        return newest if self._absent is None else [*newest, self._absent]

    def advance(self, events: Sequence[pb.Event]) -> None:
        """Go on by whole revisions, in order.

        Raises:
            ResyncNeededError: they are not newer than what was delivered already.
        """
        first, last = events[0].kv.mod_revision, events[-1]
        if first <= self.revision:
            raise ResyncNeededError(f"the watch went back to revision {first} from {self.revision}")
        self.revision = last.kv.mod_revision
        for left, event in zip(range(len(events), 0, -1), events, strict=True):
            self._standing.pop(event.kv.key, None)
            if event.type == pb.Event.PUT and left <= KEPT:
                self._standing[event.kv.key] = _witness(event.kv)
        while len(self._standing) > KEPT:
            del self._standing[next(iter(self._standing))]
        self._absent = Witness(last.kv.key) if last.type == pb.Event.DELETE else None

    def progress(self, revision: int) -> None:
        """Go on to ``revision``, up to which there are no more changes."""
        self.revision = max(self.revision, revision)

    def request(self, *, then: bool) -> pb.TxnRequest:
        """The read of the witnesses: as they were ``then``, when the last change was delivered, or as they are now.

        Raises:
            ResyncNeededError: all that is remembered was deleted, which proves nothing: who never had it lacks it too.
        """
        if then and not any(witness.revision or witness.range_end for witness in self.witnesses):
            raise ResyncNeededError("nothing that was delivered is left to recognize the store's history by")
        reads = [witness.read for witness in self.witnesses]
        for read in reads:
            read.revision = self.revision if then else 0
            read.keys_only = not then
        return pb.TxnRequest(success=[pb.RequestOp(request_range=read) for read in reads])

    def check_past(self, answer: pb.TxnResponse) -> None:
        """Check the answer to a read of the witnesses as they were then.

        Raises:
            ResyncNeededError: it comes from another history.
        """
        self._check_header(answer.header)
        for witness, found in zip(self.witnesses, _found(answer), strict=True):
            if found.mod_revision != witness.revision or _digest(found) != witness.digest:
                raise _contradiction(witness, found)

    def is_behind(self, answer: pb.TxnResponse) -> bool:
        """Whether the answer to a read of the witnesses as they are now shows a change that was not delivered.

        Raises:
            ResyncNeededError: it comes from another history.
        """
        self._check_header(answer.header)
        behind = False
        for witness, found in zip(self.witnesses, _found(answer), strict=True):
            if found.mod_revision != witness.revision:
                if NOTHING < found.mod_revision <= self.revision:
                    raise _contradiction(witness, found)
                behind = True
        return behind

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


def _witness(kv: pb.KeyValue) -> Witness:
    return Witness(kv.key, kv.mod_revision, _digest(kv))


def _digest(kv: pb.KeyValue) -> bytes:
    """Of the value; nothing for what does not exist."""
    if kv.mod_revision == NOTHING:
        return b""
    return hashlib.blake2b(kv.value, digest_size=16).digest()


def _found(answer: pb.TxnResponse) -> list[pb.KeyValue]:
    """What each read found; an empty message where nothing is."""
    reads = [response.response_range for response in answer.responses]
    return [read.kvs[0] if read.kvs else pb.KeyValue() for read in reads]


def _contradiction(witness: Witness, found: pb.KeyValue) -> ResyncNeededError:
    same = found.mod_revision == witness.revision
    now = "has another value" if same else f"is {_described(found.mod_revision)}"
    return ResyncNeededError(
        f"the store's history is another one: {witness} as delivered, and {now} in the store "
        "(was it restored from a backup?)"
    )


def _described(revision: int) -> str:
    return "absent" if revision == NOTHING else f"set in revision {revision}"
