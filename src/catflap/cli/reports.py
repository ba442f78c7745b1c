"""What agents report, and the policy beside it: read once, or again whenever it may have changed.

Of a directory only the host's own agent reports, in a file of that host.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator, AsyncIterator, Coroutine, Iterator
from contextlib import aclosing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import msgspec
from msgspec.structs import replace

from catflap.agent.document import DocumentError, HostDocument, decode, encode
from catflap.agent.local_report import NAME
from catflap.agent.report import DOCUMENT, LAST_STATUS, ROOT
from catflap.agent.state_directory import DEFAULT_DIRECTORY, STATE_VARIABLE
from catflap.cli.common import CommandError, Exit
from catflap.cli.fleet import Fleet, fleet
from catflap.cli.fleet_policy import Policy, read_policy
from catflap.cli.fleet_table import FORMAT
from catflap.store import Store, StoreError
from catflap.store.api import Delta, Snapshot, StoreEvent

INTERVAL: Final = 2.0  # seconds between two looks at what cannot be followed
PACE: Final = 0.5  # seconds between two judgements of what is followed


def local_fleet(url: str, policy: Policy | None = None, now: datetime | None = None) -> Fleet:
    """How this host stands, as the file says that its agent writes.

    Raises:
        CommandError: it cannot be read.
    """
    policy = policy or Policy(None)
    document = _local_document()
    if document is None:
        return fleet(url, policy, {})
    root = f"{ROOT}/{document.hostname}"
    if not _is_over(document, now or datetime.now(UTC)):
        return fleet(url, policy, {f"{root}/{DOCUMENT}": encode(document)})
    expected = {document.hostname: max(1, document.endpoints)}  # who ends in good order takes the file away
    beat = msgspec.json.encode({"time": document.time})
    policy = replace(policy, hosts={**expected, **policy.hosts})
    return fleet(url, policy, {f"{root}/{LAST_STATUS}": beat})


def local_path() -> Path:
    """The file that the agent of this host writes."""
    return Path(os.environ.get(STATE_VARIABLE) or DEFAULT_DIRECTORY) / NAME


def _local_document() -> HostDocument | None:
    path = local_path()
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise CommandError(
            f"cannot read {path}: {error.strerror}: run it as root", Exit.UNREACHABLE
        ) from None
    try:
        return decode(content)
    except DocumentError as error:
        raise CommandError(f"{path}: {error}: restart the agent, which writes it anew", Exit.NO) from None


def _is_over(document: HostDocument, now: datetime) -> bool:
    """Whether a report no longer counts: its writer has ended without taking it away."""
    try:
        reported = datetime.strptime(document.time, FORMAT).replace(tzinfo=UTC)
    except ValueError:
        return True
    return (now - reported).total_seconds() > document.lifetime


async def read_fleet(store: Store) -> Fleet:
    """How all hosts stand now.

    Raises:
        StoreError: the store is unavailable or refuses.
        CommandError: the local file cannot be read.
    """
    async with aclosing(Reports(store).fleets(once=True)) as fleets:
        return await anext(fleets)


class Reports:
    """Everything that is needed to judge the fleet, kept up to date.

    Args:
        store: whose. A directory is read anew now and then, as is what cannot be followed.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._policy: Policy | None = None
        self._policy_stale = True
        self._entries: dict[str, bytes] | None = None  # below the agents' keys; None: to be read
        self._changed = asyncio.Event()

    async def fleets(self, *, once: bool = False) -> AsyncGenerator[Fleet, None]:
        """How all hosts stand, now and (unless it is asked ``once``) after each change, twice a second at most.

        Raises:
            StoreError: the store is unavailable or refuses.
            CommandError: the local file cannot be read.
        """
        following = [asyncio.create_task(each) for each in (() if once else self._followers())]
        told: Fleet | None = None
        try:
            while True:
                self._changed.clear()
                try:
                    found = await self._read()
                except StoreError:
                    if told is None:
                        raise
                    self._policy_stale = True  # an outage is waited out: what was shown stays
                    self._changed.set()
                    await asyncio.sleep(INTERVAL)
                    continue
                if found != told:
                    told = found
                    yield found
                await asyncio.sleep(PACE)
                await self._changed.wait()
        finally:
            for task in following:
                task.cancel()
            await asyncio.gather(*following, return_exceptions=True)

    def _followers(self) -> Iterator[Coroutine[Any, Any, None]]:
        tree = self._store.follow_tree(f"{ROOT}/")
        if tree is None:
            yield self._poll()
        else:
            yield self._follow_reports(tree)
            yield self._follow_policy()

    async def _read(self) -> Fleet:
        if self._store.driver == "directory":
            return local_fleet(self._store.url, await read_policy(self._store))
        if (
            self._policy is None or self._policy_stale
        ):  # before the reports: who reports later knows at least that
            self._policy_stale = False
            self._policy = await read_policy(self._store)
        if self._entries is None:
            listing = await self._store.read(f"{ROOT}/")
            if self._entries is None:  # what is followed is newer
                self._entries = {path: entry.value for path, entry in listing.entries.items()}
        return fleet(self._store.url, self._policy, self._entries)

    async def _poll(self) -> None:
        while True:
            await asyncio.sleep(INTERVAL)
            self._policy_stale, self._entries = True, None
            self._changed.set()

    async def _follow_reports(self, events: AsyncIterator[StoreEvent]) -> None:
        async for event in events:
            match event:
                case Snapshot():
                    self._entries = dict(event.entries)
                    self._changed.set()
                case Delta() if self._entries is not None:
                    self._take(self._entries, event)

    def _take(self, entries: dict[str, bytes], delta: Delta) -> None:
        for path, value in delta.changes:
            if value is None:
                entries.pop(path, None)
            else:
                entries[path] = value
        self._changed.set()

    async def _follow_policy(self) -> None:
        async for event in self._store.follow():
            known = -1 if self._policy is None else self._policy.revision or -1
            if isinstance(event, Snapshot | Delta) and event.revision > known:
                self._policy_stale = True
                self._changed.set()
