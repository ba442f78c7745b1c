"""The agent's own keys in the store: that it lives, and how it stands.

Three keys below ``/calico/felix/v1/host/<hostname>/``: ``status`` and ``last_reported_status`` have the old system's
form, of which the first vanishes when the agent dies; ``catflap`` says more, and vanishes as well. Nobody who enforces
waits for any of them, and a store that refuses them changes nothing. They lie outside of what agents follow.
"""

from __future__ import annotations

import asyncio
import logging
import os
import random
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Final

import msgspec

import catflap
from catflap.agent.config import Configuration
from catflap.agent.side_work import until
from catflap.agent.status import AgentStatus
from catflap.store.api import Lease, Store, StoreError

log = logging.getLogger(__name__)

ROOT: Final = "/calico/felix/v1/host"
SPREAD: Final = 5.0  # seconds in which a change is reported: a whole fleet has one at once
WRITE_TIMEOUT: Final = 10.0  # seconds
CLOSE_TIMEOUT: Final = 1.0  # seconds: an agent that is stopped does not wait for a store that hangs
JITTER: Final = 0.1  # part of an interval, so that a fleet does not write at one instant


class Timing(msgspec.Struct, frozen=True):
    """Seconds between two reports, and for how long one holds. No interval: nothing is reported."""

    interval: int
    lifetime: int

    @classmethod
    def of(cls, configuration: Configuration) -> Timing:
        """As configured; a report that would vanish before the next one lives for 2.5 intervals, as ever."""
        interval, lifetime = configuration["ReportingIntervalSecs"], configuration["ReportingTTLSecs"]
        return cls(interval, lifetime if lifetime > interval else interval * 5 // 2)


class Reporter:
    """Writes the agent's own keys, from the first `configure` on.

    Args:
        store: where to.
        hostname: of this host, as in the configuration.
        status: tells how the agent stands.
    """

    def __init__(self, store: Store, hostname: str, status: Callable[[], AgentStatus]) -> None:
        self._store = store
        self._hostname = hostname
        self._status = status
        self._path = f"{ROOT}/{hostname}"
        self._started, self._started_at = time.monotonic(), _now()
        self._timing: Timing | None = None
        self._reconfigured = asyncio.Event()
        self._changed = asyncio.Event()
        self._first = True  # nothing has been written so far
        self._failing = False

    def configure(self, configuration: Configuration) -> None:
        """Take over a new timing, soon."""
        timing = Timing.of(configuration)
        if timing != self._timing:
            self._timing = timing
            self._reconfigured.set()

    def changed(self) -> None:
        """Tell soon how the agent stands, if that is another thing than was told last."""
        self._changed.set()

    async def run(self) -> None:
        """Report until cancelled, and then take the keys away."""
        while True:
            self._reconfigured.clear()
            if self._timing is not None and self._timing.interval > 0:
                await until(self._reconfigured, self._report(self._timing))
            else:
                await self._reconfigured.wait()

    async def _report(self, timing: Timing) -> None:
        try:
            lease = self._store.lease(timing.lifetime)
        except StoreError as error:
            log.info("How this agent stands is not written to the store: %s", error)
            return
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(lease.run())
                tasks.create_task(self._beat(lease, timing.interval))
                tasks.create_task(self._follow_changes(lease))
        finally:
            with suppress(TimeoutError):
                async with asyncio.timeout(CLOSE_TIMEOUT):
                    await lease.close()

    async def _beat(self, lease: Lease, interval: int) -> None:
        while True:
            beat = self._old_form()
            lease.put(f"{self._path}/status", beat)
            lease.put(f"{self._path}/catflap", self._document(self._status()))
            await self._write_last_reported(beat)
            await asyncio.sleep(interval * random.uniform(1.0, 1.0 + JITTER))  # noqa: S311  # spreads load only

    async def _follow_changes(self, lease: Lease) -> None:
        told: object = None
        while True:
            await self._changed.wait()
            await asyncio.sleep(random.uniform(0.0, SPREAD))  # noqa: S311  # spreads load only
            self._changed.clear()
            status = self._status()
            if (about := _worth_telling(status)) != told:
                told = about
                lease.put(f"{self._path}/catflap", self._document(status))

    async def _write_last_reported(self, beat: bytes) -> None:
        """This key outlives the agent, so it is none of the lease's."""
        try:
            async with asyncio.timeout(WRITE_TIMEOUT):
                await self._store.write([(f"{self._path}/last_reported_status", beat)])
        except (StoreError, TimeoutError) as error:
            if not self._failing:
                log.info("Cannot write %s/last_reported_status; trying again: %s", self._path, error)
            self._failing = True
        else:
            self._first = self._failing = False

    def _old_form(self) -> bytes:
        return msgspec.json.encode(
            {
                "time": _now(),
                "uptime": round(time.monotonic() - self._started, 2),
                "first_update": self._first,
            }
        )

    def _document(self, status: AgentStatus) -> bytes:
        return msgspec.json.encode(
            {
                "version": catflap.__version__,
                "hostname": self._hostname,
                "pid": os.getpid(),
                "started": self._started_at,
                "time": _now(),
                "store": {
                    "state": status.store.state,
                    "seconds_since_alive": round(status.store.seconds_since_alive, 1),
                    "revision_seen": status.store.revision_seen,
                    "reason": status.store.reason,
                },
                "revision_enforced": status.revision_enforced,
                "invalid_objects": status.invalid_objects,
                "not_enforced": status.not_enforced,
                "kept_for_boot": {"revision": status.kept.revision, "problem": status.kept.problem},
            }
        )


def _worth_telling(status: AgentStatus) -> object:
    """What makes another report before its time.

    Never the revision that was seen: the reports of all agents let it grow, and each would answer all others.
    """
    return (
        status.store.state,
        status.store.reason,
        status.revision_enforced,
        status.invalid_objects,
        status.not_enforced,
        status.kept.problem,
    )


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
