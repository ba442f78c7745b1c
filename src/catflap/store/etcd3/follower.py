"""Follows one key range through one member: load, then watch from the next revision.

It must hand over every change exactly once and whole revisions only, never trust a silent watch, and ask for a new
snapshot whenever something may have been missed: history compacted or another one (see `catflap.store.etcd3.history`),
an answer too large to receive.
"""

from __future__ import annotations

import time
from contextlib import aclosing
from typing import TYPE_CHECKING

import msgspec

from catflap.store.api import Alive, Connected, Snapshot, StoreDeniedError, StoreUnavailableError
from catflap.store.etcd3 import etcd_pb2 as pb
from catflap.store.etcd3.assembler import Assembler, merge
from catflap.store.etcd3.connection import Connection
from catflap.store.etcd3.errors import MessageTooLargeError
from catflap.store.etcd3.history import Position, Witness, newest
from catflap.store.etcd3.paths import RANGE_END, RANGE_START, decode_path
from catflap.store.etcd3.permissions import Permission
from catflap.store.etcd3.ranges import PAGE, pages
from catflap.store.pace import spread
from catflap.store.supervisor import ResyncNeededError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

    from catflap.store.api import Delta, StoreError, StoreEvent
    from catflap.store.etcd3.stream import WatchStream

CHECK_TIMEOUT = (
    3.5  # seconds; with the longest `Tuning.silence` before it, a black hole is noticed within 9 s
)

LONGEST_REASON = 500  # characters of what a server says that are passed on


class KeyRange(msgspec.Struct, frozen=True):
    """The keys from ``start`` up to before ``end``."""

    start: bytes
    end: bytes

    @property
    def permission(self) -> Permission:
        """What is needed to follow it."""
        return Permission("read", self.start, self.end)


POLICY = KeyRange(RANGE_START, RANGE_END)


class Tuning(msgspec.Struct, frozen=True, kw_only=True):
    """Sizes and times (seconds) of a follower."""

    page: int = PAGE  # keys
    # Give or take a quarter. A silent watch is checked by a read, since pings do not pass proxies.
    silence: float = 4.0
    grace: float = 1.0  # for a change that a read saw before the watch delivered it
    # A watch that nothing at all was heard of is opened anew. etcd tells of its progress every 10 to 11 minutes, and
    # every new watch begins that time anew: to ask sooner would keep the position from ever going on in silence.
    reopen_after: float = 750.0
    reload_after: float = 3600.0  # a full read now and then heals what no check can see


DEFAULT_TUNING = Tuning()


class Etcd3Session:
    """The session of `catflap.store.supervisor` for the v3 API.

    Args:
        connect: opens a connection to an endpoint.
        tuning: sizes and times.
        followed: what is followed.
    """

    def __init__(
        self,
        connect: Callable[[str], Connection],
        tuning: Tuning = DEFAULT_TUNING,
        followed: KeyRange = POLICY,
    ) -> None:
        self._connect = connect
        self._tuning = tuning
        self._followed = followed
        self._position: Position | None = None
        self._reload_at = 0.0

    async def run(self, endpoint: str) -> AsyncGenerator[StoreEvent, None]:
        """Follow through ``endpoint``; see `catflap.store.supervisor.Session`."""
        async with self._connect(endpoint) as connection:
            doubt: StoreError | None = None
            while True:
                position = self._position
                if position is None or time.monotonic() >= self._reload_at:
                    snapshot, position = await self._load(connection)
                    self._position = position
                    yield snapshot
                else:
                    request = position.request(then=True)
                    permission = self._followed.permission
                    position.check_past(await connection.transact(request, CHECK_TIMEOUT, permission))
                watch = RangeWatch(connection, position, self._tuning, doubt, self._followed)
                async with aclosing(watch.events(until=self._reload_at)) as events:
                    async for event in events:
                        yield event
                doubt = watch.doubt

    def forget(self) -> None:
        """See `catflap.store.supervisor.Session`."""
        self._position = None

    async def _load(self, connection: Connection) -> tuple[Snapshot, Position]:
        """Everything at one revision. A member that does not serve is noticed sooner than a page would tell."""
        followed = self._followed
        header = await connection.ready(followed.start, followed.permission)
        entries: dict[str, bytes] = {}
        witnesses = [Witness(followed.start, range_end=followed.end)]
        reading = pages(
            connection,
            followed.start,
            followed.end,
            header.revision,
            page=self._tuning.page,
            permission=followed.permission,
        )
        async with aclosing(reading) as answers:
            async for answer in answers:
                entries.update((decode_path(kv.key), kv.value) for kv in answer.kvs)
                witnesses = newest(witnesses, answer.kvs)
        self._reload_at = time.monotonic() + spread(self._tuning.reload_after)
        return Snapshot(header.revision, entries), Position(header, witnesses)


class RangeWatch:
    """One watch of the whole range, on a connection that has proved to be in the history of ``position``.

    Args:
        connection: to the member that is watched.
        position: moved on by what is delivered.
        tuning: sizes and times.
        previous: the `doubt` at the end of the watch before this one on the same connection.
        followed: what is watched.
    """

    def __init__(
        self,
        connection: Connection,
        position: Position,
        tuning: Tuning,
        previous: StoreError | None = None,
        followed: KeyRange = POLICY,
    ) -> None:
        self._followed = followed
        self._connection = connection
        self._position = position
        self._tuning = tuning
        self._previous = previous
        self._assembler = Assembler()
        self._created = False
        self._stalled = False
        self._ended = False
        self._check_at = self._reopen_at = 0.0
        self.doubt: StoreError | None = None  # why to open another one; if that ends so too, it is believed

    async def events(self, until: float) -> AsyncGenerator[Connected | Delta | Alive, None]:
        """Every change after the position, until a monotonic time or until the watch should be opened anew.

        Raises:
            ResyncNeededError: changes may have been missed.
            StoreError: the member does not serve, or refuses.
        """
        self._heard(moved=True)
        async with aclosing(
            await self._connection.watch(watch_request(self._position.revision + 1, self._followed))
        ) as stream:
            while not self._ended and time.monotonic() < until:
                answer = await self._read(stream)
                event = await self._on_silence() if answer is None else self._on_answer(answer)
                if event is not None:
                    yield event

    async def _read(self, stream: WatchStream) -> pb.WatchResponse | None:
        """The next answer, None after a silence; answers that bring nothing are one, however many they are."""
        patience = self._check_at - time.monotonic()
        try:
            return None if patience <= 0 else await stream.read(patience)
        except MessageTooLargeError as error:  # the same watch would fail in the same way for ever
            raise ResyncNeededError(str(error)) from error

    def _on_answer(self, answer: pb.WatchResponse) -> Connected | Delta | None:
        if answer.canceled:
            self._on_refusal(answer)
            return None
        self._heard(moved=bool(answer.events) or not self._created)
        if answer.created:
            self._created = True
            return Connected(self._connection.endpoint)
        events = self._assembler.add(answer.events, fragment=answer.fragment)
        if events:
            self._position.advance(events)
            self._previous = None
            return merge(events)
        if is_progress(answer) and not self._assembler.waiting:
            self._position.progress(answer.header.revision)
        return None

    def _on_refusal(self, answer: pb.WatchResponse) -> None:
        """The server ended the watch. Such an answer is all it sends: the stream stays open.

        etcd 3.5 says of an expired token that permission is denied; the read before the next watch renews it.
        """
        if answer.compact_revision:
            raise ResyncNeededError(f"changes before revision {answer.compact_revision} have been compacted")
        reason = answer.cancel_reason[:LONGEST_REASON] or "no reason given"
        if answer.cancel_reason and "permission denied" not in reason:
            self._suspect(StoreDeniedError(f"etcd {self._connection.endpoint} refuses the watch: {reason}"))
        else:
            self._suspect(self._connection.refusal(self._followed.permission))

    async def _on_silence(self) -> Alive | None:
        """Let the member prove that it serves the same history, and that the watch has not missed its newest."""
        if self._stalled:
            lost = "has missed a change" if self._created else "does not begin"
            self._suspect(StoreUnavailableError(f"etcd {self._connection.endpoint}: the watch {lost}"))
            return None
        request = self._position.request(then=False)
        now = await self._connection.transact(request, CHECK_TIMEOUT, self._followed.permission)
        self._stalled = self._position.is_behind(now) or not self._created
        self._postpone_check()
        if self._stalled:
            return None
        self._ended = time.monotonic() >= self._reopen_at and now.header.revision > self._position.revision
        return Alive(now.header.revision)

    def _heard(self, *, moved: bool) -> None:
        """The watch itself has shown that it lives, and that it has ``moved`` on, too, if it has brought anything."""
        self._reopen_at = time.monotonic() + spread(self._tuning.reopen_after, 0.1)
        if moved:
            self._stalled = False
            self._postpone_check()

    def _postpone_check(self) -> None:
        patience = self._tuning.grace if self._stalled else spread(self._tuning.silence, 0.25)
        self._check_at = time.monotonic() + patience

    def _suspect(self, error: StoreError) -> None:
        """Let the watch be opened anew, unless that was tried already."""
        if type(error) is type(self._previous):
            raise error
        self.doubt = error
        self._ended = True


def watch_request(start: int, followed: KeyRange = POLICY) -> pb.WatchCreateRequest:
    """A watch of the whole range from revision ``start``."""
    return pb.WatchCreateRequest(
        key=followed.start, range_end=followed.end, start_revision=start, fragment=True, progress_notify=True
    )


def is_progress(answer: pb.WatchResponse) -> bool:
    """Whether the answer says that everything up to its revision was delivered.

    The answer to ``created`` does not say so, nor do answers for all watches at once (id -1).
    """
    return not (answer.events or answer.created or answer.fragment) and answer.watch_id >= 0
