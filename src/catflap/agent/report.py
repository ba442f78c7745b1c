"""The agent's own keys in the store: that it lives, and how it stands.

Three keys below ``/calico/felix/v1/host/<hostname>/``: ``status`` and ``last_reported_status`` are the heartbeat, in
the old system's form, of which the first vanishes when the agent dies; ``catflap`` says more
(`catflap.agent.document`), is large and so written when there is something new, and vanishes as well. Nobody who
enforces waits for any of them, and a store that refuses them changes nothing. They lie outside of what agents follow,
or N agents would read N reports.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import os
import random
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Final

import msgspec
from msgspec.structs import replace

from catflap.agent.config import Configuration
from catflap.agent.document import HostDocument, encode, lasting
from catflap.agent.in_force import utc_now
from catflap.agent.side_work import until
from catflap.store.api import Lease, Store, StoreError

log = logging.getLogger(__name__)

ROOT: Final = "/calico/felix/v1/host"
STATUS: Final = "status"
LAST_STATUS: Final = "last_reported_status"
DOCUMENT: Final = "catflap"
SPREAD: Final = 5.0  # seconds in which a change is reported: a whole fleet has one at once
WRITE_TIMEOUT: Final = 10.0  # seconds
CLOSE_TIMEOUT: Final = 1.0  # seconds: an agent that is stopped does not wait for a store that hangs
BEATS: Final = 10  # heartbeats after which the store gets the document again though nothing has changed
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
        document: tells how the agent stands.
        local: gets each document as well, also where the store cannot keep it.
    """

    def __init__(
        self,
        store: Store,
        hostname: str,
        document: Callable[[], HostDocument],
        local: Callable[[bytes], None] = lambda _document: None,
    ) -> None:
        self._store = store
        self._hostname = hostname
        self._compose = document
        self._local = local
        self._path = f"{ROOT}/{hostname}"
        self._started, self._started_at = time.monotonic(), utc_now()
        self._timing: Timing | None = None
        self._reconfigured = asyncio.Event()
        self._changed = asyncio.Event()
        self._beaten = asyncio.Event()  # there is another beat to write
        self._newest = b""
        self._told: HostDocument | None = None  # what of the last report lasts
        self._first = True  # nothing has been written so far
        self._failing = False
        self._refused = False  # the store keeps no such keys, and that was said

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
        lease = self._lease(timing)
        try:
            async with asyncio.TaskGroup() as tasks:
                if lease is not None:
                    tasks.create_task(lease.run())
                    tasks.create_task(self._follow_beats())
                tasks.create_task(self._beat(lease, timing))
                tasks.create_task(self._follow_changes(lease, timing))
        finally:
            if lease is not None:
                with suppress(TimeoutError):
                    async with asyncio.timeout(CLOSE_TIMEOUT):
                        await lease.close()

    def _lease(self, timing: Timing) -> Lease | None:
        try:
            return self._store.lease(timing.lifetime)
        except StoreError as error:
            if not self._refused:
                log.info("How this agent stands is not written to the store: %s", error)
            self._refused = True
            return None

    async def _beat(self, lease: Lease | None, timing: Timing) -> None:
        for number in itertools.count():
            beat = self._old_form()
            if lease is not None:
                lease.put(f"{self._path}/{STATUS}", beat)
                self._newest = beat
                self._beaten.set()
            document = self._compose()
            due = number % BEATS == 0 or lasting(document) != self._told
            self._tell(lease if due else None, timing, document)
            pause = timing.interval * random.uniform(1.0, 1.0 + JITTER)  # noqa: S311  # spreads load only
            await asyncio.sleep(pause)

    async def _follow_beats(self) -> None:
        """Apart from the beat, so that a store that hangs does not hold up what is told elsewhere."""
        while True:
            await self._beaten.wait()
            self._beaten.clear()
            await self._write_last_reported(self._newest)

    async def _follow_changes(self, lease: Lease | None, timing: Timing) -> None:
        """Tell of changes, at a random time within `SPREAD` and no more than once in it."""
        while True:
            await self._changed.wait()
            before = random.uniform(0.0, SPREAD)  # noqa: S311  # spreads load only
            await asyncio.sleep(before)
            self._changed.clear()
            document = self._compose()
            if lasting(document) != self._told:
                self._tell(lease, timing, document)
                await asyncio.sleep(SPREAD - before)

    def _tell(self, lease: Lease | None, timing: Timing, document: HostDocument) -> None:
        """Tell it locally, and with a lease to the store. Nothing that is new may go without one."""
        self._told = lasting(document)
        encoded = encode(
            replace(
                document,
                hostname=self._hostname,
                pid=os.getpid(),
                started=self._started_at,
                time=utc_now(),
                lifetime=timing.lifetime,
            )
        )
        if lease is not None:
            lease.put(f"{self._path}/{DOCUMENT}", encoded)
        self._local(encoded)

    async def _write_last_reported(self, beat: bytes) -> None:
        """This key outlives the agent, so it is none of the lease's."""
        try:
            async with asyncio.timeout(WRITE_TIMEOUT):
                await self._store.write([(f"{self._path}/{LAST_STATUS}", beat)])
        except (StoreError, TimeoutError) as error:
            if not self._failing:
                log.info("Cannot write %s/%s; trying again: %s", self._path, LAST_STATUS, error)
            self._failing = True
        else:
            self._first = self._failing = False

    def _old_form(self) -> bytes:
        return msgspec.json.encode(
            {
                "time": utc_now(),
                "uptime": round(time.monotonic() - self._started, 2),
                "first_update": self._first,
            }
        )
