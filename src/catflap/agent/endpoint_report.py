"""The old system's keys for single endpoints: ``{"status": "up"}`` for each, where `EndpointReportingEnabled` says so.

They lie where they always did, have no time to live, and are written one after the other, so that a host with many
endpoints does not burden its store. Those of endpoints that are gone are deleted, also those that an earlier run left.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable, Iterable, Mapping
from typing import Final

import msgspec

from catflap.agent.config import Configuration
from catflap.agent.in_force import InForce
from catflap.agent.report import JITTER, ROOT, WRITE_TIMEOUT
from catflap.agent.side_work import until
from catflap.host import Interfaces
from catflap.model import Kind, ResourceKey
from catflap.policy.host_policy import is_pattern
from catflap.store.api import Store, StoreError

log = logging.getLogger(__name__)

UP: Final = "up"
DOWN: Final = "down"
ERROR: Final = "error"  # the kernel refuses what should be in force, or it cannot be
RETRY: Final = 10.0  # seconds after a fault of the store


def states(in_force: InForce, links: Interfaces) -> dict[str, str]:
    """The state of each endpoint of this host, by the end of its key (``endpoint/eth0``)."""
    interfaces = in_force.interfaces_by_endpoint()
    return {
        _path(key): _state(in_force, interfaces.get(key, ()), links) for key in sorted(in_force.endpoints)
    }


def _state(in_force: InForce, names: Iterable[str], links: Interfaces) -> str:
    covered = [
        each for name in names for each in (in_force.covered(name, links) if is_pattern(name) else [name])
    ]
    if not any(links[name].up for name in covered if name in links):
        return DOWN
    return ERROR if any(map(in_force.fails, names)) else UP


def _path(key: ResourceKey) -> str:
    if key.kind is not Kind.WORKLOAD_ENDPOINT:
        return f"endpoint/{key.name}"
    orchestrator, _, workload = key.scope.partition("/")[2].partition("/")  # without the host
    return f"workload/{orchestrator}/{workload}/endpoint/{key.name}" if workload else f"workload/{key.name}"


class EndpointReporter:
    """Writes the keys, from the first `configure` on that enables it.

    Args:
        store: where to.
        hostname: of this host, as in the configuration.
        states: tells the state of each endpoint, by the end of its key; None while it is not known.
    """

    def __init__(self, store: Store, hostname: str, states: Callable[[], Mapping[str, str] | None]) -> None:
        self._store = store
        self._root = f"{ROOT}/{hostname}/"
        self._states = states
        self._delay: int | None = None  # seconds between two writes; None: disabled
        self._reconfigured = asyncio.Event()
        self._changed = asyncio.Event()
        self._failing = False

    def configure(self, configuration: Configuration) -> None:
        """Begin, end or change the pace, soon."""
        delay = configuration["EndpointReportingDelaySecs"]
        wanted = (delay if delay >= 0 else 1) if configuration["EndpointReportingEnabled"] else None
        if wanted != self._delay and self._store.driver != "directory":
            self._delay = wanted
            self._reconfigured.set()

    def changed(self) -> None:
        """The states may be others now."""
        self._changed.set()

    async def run(self) -> None:
        """Report until cancelled. The keys stay, as ever: `status` tells whether the agent lives."""
        while True:
            self._reconfigured.clear()
            if self._delay is not None:
                await until(self._reconfigured, self._report(self._delay))
            else:
                await self._reconfigured.wait()

    async def _report(self, delay: int) -> None:
        known: dict[str, str] | None = None  # what the store holds
        self._changed.set()
        while True:
            await self._changed.wait()
            self._changed.clear()
            try:
                async with asyncio.timeout(WRITE_TIMEOUT):
                    known = await self._read() if known is None else known
                while (change := _difference(known, self._states())) is not None:
                    await self._write(*change)
                    _note(known, *change)
                    await asyncio.sleep(delay * random.uniform(1 - JITTER, 1 + JITTER))  # noqa: S311
                self._failing = False
            except (StoreError, TimeoutError) as error:
                self._tell(error)
                known = None
                self._changed.set()
                await asyncio.sleep(RETRY)

    async def _read(self) -> dict[str, str]:
        """What the store holds by now: of an earlier run, or written in an outage."""
        found = [await self._store.read(f"{self._root}{tree}/") for tree in ("endpoint", "workload")]
        return {
            path.removeprefix(self._root): _read_state(entry.value)
            for listing in found
            for path, entry in listing.entries.items()
        }

    async def _write(self, path: str, state: str | None) -> None:
        value = None if state is None else msgspec.json.encode({"status": state})
        async with asyncio.timeout(WRITE_TIMEOUT):
            await self._store.write([(f"{self._root}{path}", value)])

    def _tell(self, error: Exception) -> None:
        if not self._failing:
            log.info("Cannot write the states of endpoints below %s; trying again: %s", self._root, error)
        self._failing = True


def _difference(known: Mapping[str, str], wanted: Mapping[str, str] | None) -> tuple[str, str | None] | None:
    """One key that should be another, and its state (None: to be deleted)."""
    if wanted is None:
        return None
    for path, state in wanted.items():
        if known.get(path) != state:
            return path, state
    return next(((path, None) for path in known if path not in wanted), None)


def _note(known: dict[str, str], path: str, state: str | None) -> None:
    if state is None:
        del known[path]
    else:
        known[path] = state


def _read_state(value: bytes) -> str:
    try:
        found = msgspec.json.decode(value, type=dict[str, str])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return ""
    return found.get("status", "")
