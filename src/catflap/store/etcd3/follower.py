"""Follows one key range through one member: load, then watch from the next revision.

It must hand over every change exactly once and whole revisions only, and ask for a new snapshot whenever that is in
doubt: history compacted, the store's revision or term fell, another cluster, an answer too large to receive.
"""

from __future__ import annotations

import time
from contextlib import aclosing
from typing import TYPE_CHECKING

import msgspec
from msgspec import structs

from catflap.model import V1_ROOT
from catflap.store.api import Connected, Snapshot, StoreDeniedError
from catflap.store.etcd3 import etcd_pb2 as pb
from catflap.store.etcd3.assembler import Assembler, decode_path
from catflap.store.etcd3.connection import LOAD_TIMEOUT, Connection, Watch
from catflap.store.etcd3.errors import MessageTooLargeError
from catflap.store.supervisor import ResyncNeededError, spread

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

    from catflap.store.api import Delta, StoreError, StoreEvent

# One contiguous range, so one watch. Per-host status and address management have their trees outside of it.
RANGE_START = b"/calico/resources/v3/"
RANGE_END = V1_ROOT.encode()[:-1] + b"0"  # '0' follows '/': the end of everything below /calico/v1/


class Tuning(msgspec.Struct, frozen=True, kw_only=True):
    """Sizes and times (seconds) of a follower."""

    page: int = 5000  # keys; each page makes the server walk the index, so small pages cost it dearly
    idle: float = 10.0  # a silent watch is checked by a read: pings do not pass proxies
    reload_after: float = 3600.0  # a full read now and then heals what no check can see


DEFAULT_TUNING = Tuning()


class Position(msgspec.Struct, frozen=True):
    """How far the follower has come, and in which history."""

    revision: int
    cluster_id: int
    raft_term: int


class Etcd3Session:
    """The session of `catflap.store.supervisor` for the v3 API. ``connect`` opens a connection to an endpoint."""

    def __init__(self, connect: Callable[[str], Connection], tuning: Tuning = DEFAULT_TUNING) -> None:
        self._connect = connect
        self._tuning = tuning
        self._page = tuning.page
        self._position: Position | None = None
        self._reload_at = 0.0

    async def run(self, endpoint: str) -> AsyncGenerator[StoreEvent, None]:
        """Follow through ``endpoint``; see `catflap.store.supervisor.Session`."""
        async with self._connect(endpoint) as connection:
            position = self._position
            if position is None:
                snapshot, position = await self._load(connection)
                self._position = position
                yield snapshot
            else:
                self._position = position = await _check_history(connection, position)
            async with aclosing(self._watch(connection, position)) as events:
                async for event in events:
                    yield event

    def forget(self) -> None:
        """See `catflap.store.supervisor.Session`."""
        self._position = None

    async def _load(self, connection: Connection) -> tuple[Snapshot, Position]:
        """Everything at one revision, in pages."""
        entries: dict[str, bytes] = {}
        header = await connection.ready(RANGE_START)
        key, more = RANGE_START, True
        while more:
            page = await self._load_page(connection, key, header.revision)
            entries.update((decode_path(kv.key), kv.value) for kv in page.kvs)
            more = page.more
            if more:
                key = page.kvs[-1].key + b"\0"
        self._reload_at = time.monotonic() + spread(self._tuning.reload_after)
        position = Position(header.revision, header.cluster_id, header.raft_term)
        return Snapshot(header.revision, entries), position

    async def _load_page(self, connection: Connection, key: bytes, revision: int) -> pb.RangeResponse:
        while True:
            request = pb.RangeRequest(key=key, range_end=RANGE_END, limit=self._page, revision=revision)
            try:
                return await connection.range(request, LOAD_TIMEOUT)
            except MessageTooLargeError:
                if self._page == 1:
                    raise
                self._page //= 2

    async def _watch(
        self, connection: Connection, position: Position
    ) -> AsyncGenerator[Connected | Delta, None]:
        """Every change after ``position``. In silence the member has to prove that it serves the same history."""
        assembler = Assembler()
        async with aclosing(await connection.watch(watch_request(position.revision + 1))) as watch:
            while True:
                answer = await self._read(watch)
                if answer is None:
                    header = await connection.ready(RANGE_START)
                    self._position = position = in_same_history(position, header)
                    continue
                if answer.canceled:
                    raise refusal(answer, connection.endpoint)
                if answer.created:
                    yield Connected(connection.endpoint)
                delta = assembler.add(answer.events, fragment=answer.fragment)
                if delta is not None:
                    self._position = position = structs.replace(position, revision=delta.revision)
                    yield delta
                elif is_progress(answer) and not assembler.waiting:
                    self._position = position = structs.replace(position, revision=answer.header.revision)

    async def _read(self, watch: Watch) -> pb.WatchResponse | None:
        """The next answer, None after a silence."""
        if time.monotonic() >= self._reload_at:
            raise ResyncNeededError("time for the regular full read")
        try:
            return await watch.read(self._tuning.idle)
        except MessageTooLargeError as error:  # the same watch would fail in the same way for ever
            raise ResyncNeededError(str(error)) from error


async def _check_history(connection: Connection, position: Position) -> Position:
    """Check that the history after ``position`` can still be had from this member; as `in_same_history`."""
    header = await connection.ready(RANGE_START)
    checked = in_same_history(position, header)
    if header.revision > position.revision:
        # A read at the first missing revision fails exactly if a watch from there would.
        request = pb.RangeRequest(key=RANGE_START, count_only=True, revision=position.revision + 1)
        await connection.range(request)
    return checked


def in_same_history(position: Position, header: pb.ResponseHeader) -> Position:
    """Check that an answer comes from the history that ``position`` is in; the position with the answer's term.

    A watch from a revision that is yet to come is accepted and stays silent, and a wiped member keeps its cluster
    id: so all three numbers are compared.

    Raises:
        ResyncNeededError: it does not.
    """
    if header.cluster_id != position.cluster_id:
        raise ResyncNeededError(
            f"another cluster answers ({header.cluster_id:x}, was {position.cluster_id:x})"
        )
    if header.revision < position.revision:
        raise ResyncNeededError(f"the store went back to revision {header.revision} from {position.revision}")
    if header.raft_term < position.raft_term:
        raise ResyncNeededError(f"the store went back to term {header.raft_term} from {position.raft_term}")
    return structs.replace(position, raft_term=header.raft_term)


def watch_request(start: int) -> pb.WatchCreateRequest:
    """A watch of the whole range from revision ``start``."""
    return pb.WatchCreateRequest(
        key=RANGE_START, range_end=RANGE_END, start_revision=start, fragment=True, progress_notify=True
    )


def refusal(answer: pb.WatchResponse, endpoint: str) -> StoreError:
    """Why the server ended a watch: such an answer is all it sends, the stream stays open."""
    if answer.compact_revision:
        return ResyncNeededError(f"changes before revision {answer.compact_revision} have been compacted")
    wanted = f"the user needs read permission for the range {RANGE_START.decode()} to {RANGE_END.decode()}"
    return StoreDeniedError(f"etcd {endpoint} refuses the watch: {answer.cancel_reason} ({wanted})")


def is_progress(answer: pb.WatchResponse) -> bool:
    """Whether the answer says that everything up to its revision was delivered.

    The answer to ``created`` does not say so, nor do answers for all watches at once (id -1).
    """
    return not (answer.events or answer.created or answer.fragment) and answer.watch_id >= 0
