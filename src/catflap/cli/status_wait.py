"""``catflap status --wait``: ends when every host that lives enforces a revision of the store.

It never says yes for a host of which that is not known.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Iterable
from contextlib import aclosing
from typing import Final

import msgspec

from catflap.cli.common import CommandError
from catflap.cli.fleet import Fleet, HostView, State
from catflap.cli.object_table import printable
from catflap.cli.reports import Reports
from catflap.store import Store

PATIENCE: Final = 2.0  # seconds before it tells whom it waits for, and between two lines of it
_NAMED: Final = 10  # hosts in one line
_UNSURE: Final = frozenset({State.NOT_ENFORCED, State.UNREADABLE, State.UNKNOWN})  # whatever their revision


class Behind(msgspec.Struct, frozen=True):
    """A host that does not enforce the revision; its JSON is a stable interface."""

    host: str
    reason: str


class Waited(msgspec.Struct, frozen=True):
    """What came of it; its JSON is a stable interface.

    ``silent`` are hosts that have host endpoints and no live agent: nobody waits for them.
    """

    revision: int | None
    reached: bool
    seconds: float
    hosts: int
    behind: tuple[Behind, ...]
    silent: tuple[str, ...]


async def wait(store: Store, revision: int | None, seconds: float | None) -> Waited:
    """Wait until all hosts that live enforce a revision.

    Args:
        store: that they follow.
        revision: which one; None: what the store says when this begins.
        seconds: for how long at most; None: as long as it takes.

    Raises:
        StoreError: the store is unavailable or refuses.
        CommandError: the store does not tell which revision is the latest.
    """
    begun = time.monotonic()
    progress = _Progress(begun)
    waited = Waited(revision, reached=False, seconds=0.0, hosts=0, behind=(), silent=())
    try:
        async with asyncio.timeout(seconds), aclosing(Reports(store).fleets()) as fleets:
            async for fleet in fleets:
                waited = _judge(fleet, _wanted(fleet, waited.revision), begun)
                if waited.reached:
                    return waited
                progress.tell(waited)
    except TimeoutError:
        pass
    return msgspec.structs.replace(waited, seconds=round(time.monotonic() - begun, 3))


def _wanted(fleet: Fleet, revision: int | None) -> int:
    if revision is not None:
        return revision
    if fleet.revision is None:
        raise CommandError(
            f"{fleet.store} does not tell its latest revision: name the one that 'catflap apply' printed"
        )
    return fleet.revision


def _judge(fleet: Fleet, revision: int, begun: float) -> Waited:
    living = [each for each in fleet.hosts if each.lives]
    behind = tuple(
        Behind(each.host, reason)
        for each in living
        if (reason := why_behind(each, revision, fleet.revision)) is not None
    )
    silent = tuple(each.host for each in fleet.hosts if each.state is State.MISSING)
    seconds = round(time.monotonic() - begun, 3)
    return Waited(revision, bool(living) and not behind, seconds, len(living), behind, silent)


def why_behind(host: HostView, revision: int, newest: int | None) -> str | None:
    """Why a host does not enforce a revision, or why nobody knows; None if it does.

    Who enforces all that the store said at ``newest`` enforces every revision up to that.
    """
    enforced = host.revision_enforced
    problem = f": {host.problems[0]}" if host.problems else ""
    if host.state in _UNSURE:
        return f"{host.state}{problem}"
    complete = newest if host.behind == 0 else None
    if max(enforced or 0, complete or 0) >= revision:
        return None
    at = "nothing is enforced" if enforced is None else f"revision {enforced}"
    return f"{at}, {host.state}{problem}"


class _Progress:
    """Tells on stderr whom is waited for, once it takes long."""

    def __init__(self, begun: float) -> None:
        self._next = begun + PATIENCE

    def tell(self, waited: Waited) -> None:
        """Tell, unless it was told a moment ago."""
        if time.monotonic() >= self._next:
            print(pending(waited), file=sys.stderr, flush=True)
            self._next = time.monotonic() + PATIENCE


def pending(waited: Waited) -> str:
    """Who is behind, in one line."""
    if not waited.hosts:
        return "no host has an agent that lives"
    done = waited.hosts - len(waited.behind)
    names = _listed(f"{each.host} ({each.reason})" for each in waited.behind)
    return f"{done} of {waited.hosts} hosts enforce revision {waited.revision}; behind: {names}"


def outcome(waited: Waited) -> str:
    """What came of it, in one line."""
    if not waited.reached:
        return f"not reached in {waited.seconds:.1f} s: {pending(waited)}"
    number = f"all {waited.hosts} hosts enforce" if waited.hosts > 1 else "the only host enforces"
    return f"{number} revision {waited.revision} ({waited.seconds:.1f} s)"


def silent(waited: Waited) -> str | None:
    """A warning about hosts that nobody waits for; None if there are none."""
    if not waited.silent:
        return None
    return f"no live agent, and so not waited for: {_listed(waited.silent)}"


def _listed(names: Iterable[str]) -> str:
    found = list(names)
    more = f" and {len(found) - _NAMED} more" if len(found) > _NAMED else ""
    return printable(", ".join(found[:_NAMED])) + more
