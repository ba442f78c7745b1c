"""Keeps a follower going over the members of an etcd cluster: failover, back-off, and telling of outages.

What both etcd APIs have in common stands here. It must never give up, not even after a bug in a session, never let a
short-lived success turn into a busy loop, and never report an outage while another member still serves.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from contextlib import aclosing
from typing import TYPE_CHECKING, Protocol

from catflap.store.api import Connected, Delta, Disconnected, Snapshot, StoreError
from catflap.store.pace import DEFAULT_PACE, Pace

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Sequence

    from catflap.store.api import StoreEvent

log = logging.getLogger(__name__)


class ResyncNeededError(StoreError):
    """Changes may have been missed: the next session must begin with a snapshot. The text says why."""


class Session(Protocol):
    """Follows the store through one endpoint, and remembers between calls how far it has come."""

    def run(self, endpoint: str) -> AsyncGenerator[StoreEvent, None]:
        """First `Snapshot` or, if nothing was missed since the last call, `Connected`; then `Delta` for ever.

        In silence it yields `Alive` now and then; it may go on with another `Snapshot`, or be `Connected` again.

        Raises:
            ResyncNeededError: everything must be read anew; the endpoint itself is fine.
            StoreError: this endpoint does not serve (any more).
        """

    def forget(self) -> None:
        """Begin the next run with a snapshot."""


class _Record:
    """How the sessions went so far, and what the follower was told about it."""

    def __init__(self, endpoints: int, pace: Pace) -> None:
        self._endpoints = endpoints
        self._pace = pace
        self._failures = 0  # in a row
        self._serving_since: float | None = None
        self._resyncing = False  # everything is being read anew, and has not come yet
        self._entries = 0  # of the last snapshot
        self._last_resync = -pace.between_resyncs
        self._logged: dict[str, str] = {}  # why an endpoint was lost, since any was followed
        self.reported: str | None = None  # the reason of the outage that was reported and is not over

    def begin(self) -> None:
        """Another session begins."""
        self._serving_since = None

    def take(self, event: StoreEvent, endpoint: str) -> bool:
        """Note what a session yields; whether the follower wants it, too."""
        wanted = not isinstance(event, Connected) or self.reported is not None
        if isinstance(event, Delta):
            self._failures = 0  # a session that brings something is a good one, however short
        if isinstance(event, Snapshot):
            self._entries = len(event.entries)
            self._resyncing = False
        if isinstance(event, Connected | Snapshot):
            self.reported = None
            if self._serving_since is None:
                self._serving_since = time.monotonic()
                self._logged.clear()
                log.info("Following the store through %s", endpoint)
        return wanted

    def is_news(self, endpoint: str, reason: str) -> bool:
        """Whether an endpoint is lost for another reason than it was the last time, in one outage."""
        known = self._logged.get(endpoint)
        self._logged[endpoint] = reason
        return known != reason

    def may_resync(self) -> bool:
        """Whether to read everything anew from the same endpoint: not where that has just been tried in vain."""
        in_vain, self._resyncing = self._resyncing and self._serving_since is None, True
        return not in_vain

    def failed(self) -> bool:
        """Count the session as failed; whether by now every endpoint has failed."""
        began = self._serving_since
        if began is not None and time.monotonic() - began >= self._pace.stable_after:
            self._failures = 0
        self._failures += 1
        return self._failures >= self._endpoints

    def delay(self) -> float:
        """How long to wait after `failed`: a round through all endpoints counts as one fault."""
        return self._pace.delay(self._failures // self._endpoints)

    def resync_delay(self) -> float:
        """How long to wait before everything is read anew: the longer, the more there is to read."""
        now = time.monotonic()
        longest = min(self._pace.resync_spread * self._entries, self._pace.longest_resync_spread)
        turn = random.uniform(0.0, longest)  # noqa: S311 - spreads load, protects nothing
        wait = max(turn, self._last_resync + self._pace.between_resyncs - now)
        self._last_resync = now + wait
        return wait


async def supervise(
    endpoints: Sequence[str], session: Session, pace: Pace = DEFAULT_PACE
) -> AsyncGenerator[StoreEvent, None]:
    """Follow through one endpoint after the other, in random order, for ever.

    `Disconnected` is reported when every endpoint has failed, and again when the reason changes; `Connected` only
    after that. Yields what the session yields otherwise.
    """
    order = random.sample(endpoints, len(endpoints))
    record = _Record(len(order), pace)
    position = 0
    while True:
        endpoint = order[position % len(order)]
        record.begin()
        try:
            async with aclosing(session.run(endpoint)) as events:
                async for event in events:
                    if record.take(event, endpoint):
                        yield event
        except Exception as error:  # noqa: BLE001 - a bug must not end the agent; it is logged
            if isinstance(error, ResyncNeededError):
                session.forget()
                if record.may_resync():
                    log.info("Reading everything anew from %s: %s", endpoint, error)
                    await asyncio.sleep(record.resync_delay())
                    continue
            reason = _reason_of_loss(error, endpoint, session, record)
            position += 1
            if record.failed():
                if record.reported != reason:
                    record.reported = reason
                    yield Disconnected(reason)
                await asyncio.sleep(record.delay())


def _reason_of_loss(error: Exception, endpoint: str, session: Session, record: _Record) -> str:
    """Log why a session ended. After a bug nothing that the session remembers can be relied upon."""
    if isinstance(error, StoreError):
        reason = str(error)
        log.log(
            logging.INFO if record.is_news(endpoint, reason) else logging.DEBUG,
            "Lost the store at %s: %s",
            endpoint,
            error,
        )
        return reason
    log.error("Internal error while following the store at %s", endpoint, exc_info=error)
    session.forget()
    return f"internal error while following {endpoint}: {error!r}"
