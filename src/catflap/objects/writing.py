"""Writing a change, all of it or nothing: in one transaction if it fits, else step by step under a header.

Agents take a change of many steps as one: they hold back while its header exists. If the author or the store dies in
the middle, header and journal stay, nobody else can write, and `catflap.objects.recovery` finishes or undoes it.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import uuid
from collections.abc import Sequence

import msgspec

from catflap.model.changes import CHANGE_PATH, ChangeHeader
from catflap.objects.changes import KeyChange, Step, divided, fits, ordered
from catflap.objects.claim import Claim, read_header
from catflap.objects.errors import ChangeInProgressError, InterruptedChangeError
from catflap.objects.journal import remove_all_journals, remove_journal, write_journal
from catflap.objects.reading import read_paths
from catflap.objects.settling import End, Progress, no_progress, settle
from catflap.store import ABSENT, Store, StoreConflictError, StoreError, StoreUnavailableError


class Written(msgspec.Struct, frozen=True):
    """The store's revision with all of the change, and in how many transactions it was made."""

    revision: int
    steps: int


async def refuse_while_in_progress(store: Store) -> None:
    """Check that nobody is in the middle of a change.

    Raises:
        ChangeInProgressError: somebody is.
        UnreadableHeaderError: nobody knows.
        StoreError: the store is unavailable or refuses.
    """
    header, _ = await read_header(store)
    if header is not None:
        raise ChangeInProgressError(header)


async def write_all(
    store: Store,
    changes: Sequence[KeyChange],
    author: str,
    progress: Progress = no_progress,
    *,
    objects: int | None = None,
) -> Written:
    """Make all changes or none, if every key still has the version that its change tells.

    Args:
        store: where.
        changes: each key once.
        author: who writes, as others shall be told (``user@host``).
        progress: is told of every step.
        objects: how many objects that is, where it is not one for each key.

    Raises:
        ChangeInProgressError: somebody else is in the middle of a change.
        UnreadableHeaderError: nobody knows whether somebody is.
        InterruptedChangeError: the store was lost in the middle of this one.
        TakenOverError: somebody else recovers this change.
        StoreConflictError: a key has another version; ``paths`` tells which. Nothing is changed.
        StoreError: the store is unavailable or refuses. Nothing is changed.
    """
    in_order = ordered(changes)
    limit = store.transaction_limit
    if limit is None or fits(in_order, limit):
        return Written(await _write_at_once(store, in_order), 1)
    steps = divided(in_order, limit)
    claim = await Claim.take(store, _header(author, objects or len(in_order), len(steps)))
    try:
        await _write_steps(claim, steps, progress)
    except StoreUnavailableError as error:
        raise InterruptedChangeError(claim.header, str(error)) from error
    except (StoreError, asyncio.CancelledError):  # cancelled: somebody pressed Ctrl-C
        await _undo(claim, steps)
        raise
    await remove_journal(store, claim.header.id)
    return Written(claim.revision, len(steps))


async def _write_at_once(store: Store, changes: Sequence[KeyChange]) -> int:
    expected = {change.path: change.version for change in changes}
    if store.transaction_limit == 1:
        await refuse_while_in_progress(store)
    else:
        expected[CHANGE_PATH] = ABSENT
    try:
        return await store.write([(change.path, change.new) for change in changes], expected)
    except StoreConflictError as error:
        if CHANGE_PATH in error.paths:
            await refuse_while_in_progress(store)
        raise


def _header(author: str, objects: int, steps: int) -> ChangeHeader:
    now = dt.datetime.now(dt.UTC)
    return ChangeHeader(
        id=uuid.uuid4().hex,
        author=author,
        started=f"{now:%Y-%m-%dT%H:%M:%SZ}",
        objects=objects,
        steps=steps,
        done=0,
    )


async def _write_steps(claim: Claim, steps: Sequence[Step], progress: Progress) -> None:
    await remove_all_journals(claim.store)
    await write_journal(claim.store, claim.header.id, steps)
    await _check_versions(claim.store, steps)
    for done, step in enumerate(steps, start=1):
        await claim.advance([(change.path, change.new, change.version) for change in step], done)
        progress(done, len(steps))


async def _check_versions(store: Store, steps: Sequence[Step]) -> None:
    """Most conflicts show here, before anything was written."""
    changes = [change for step in steps for change in step]
    entries = await read_paths(store, [change.path for change in changes])
    versions = {path: entry.version for path, entry in entries.items()}
    wrong = tuple(change.path for change in changes if versions.get(change.path, ABSENT) != change.version)
    if wrong:
        raise StoreConflictError(f"{', '.join(wrong)} changed meanwhile: nothing was written", wrong)


async def _undo(claim: Claim, steps: Sequence[Step]) -> None:
    """Take back what was made; but nothing if all of it was, and only the last answer was not heard."""
    try:
        header, version = await read_header(claim.store)
        if header is not None and header.id == claim.header.id:
            await settle(await Claim.take(claim.store, header, version), steps, End.UNDO)
    except StoreError as error:
        raise InterruptedChangeError(claim.header, str(error)) from error
