"""Applying documents and deleting objects: from what somebody wants to what is written."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Mapping, Sequence

from catflap.objects.errors import ChangedMeanwhileError
from catflap.objects.planning import Planned, Stamp, Wanted
from catflap.objects.reading import read_paths
from catflap.objects.settling import Progress, no_progress
from catflap.objects.stored import Subject, Tree
from catflap.objects.trees import written_tree
from catflap.objects.v1_planning import plan_v1
from catflap.objects.v3_planning import plan_v3
from catflap.objects.writing import Written, write_all
from catflap.store import Store, StoreConflictError


async def plan(store: Store, items: Sequence[Wanted]) -> list[Planned]:
    """What applying documents changes, in the order of the documents.

    Raises:
        RefusedError: for all documents that cannot be applied.
        StoreError: the store is unavailable or refuses.
    """
    if written_tree(store) is Tree.V1:
        return await plan_v1(store, items)
    return await plan_v3(store, items, None if store.driver == "directory" else _stamp())


def _stamp() -> Stamp:
    """Not for directories: files that people edit are left without such marks."""
    return Stamp(dt.datetime.now(dt.UTC), lambda: str(uuid.uuid4()))


async def carry_out(
    store: Store, plans: Sequence[Planned], author: str, progress: Progress = no_progress
) -> Written | None:
    """Write what was planned, all or nothing; None if there is nothing to write.

    Raises:
        ChangedMeanwhileError: somebody else changed some of the objects. Nothing was written.
        ChangeInProgressError: somebody else is in the middle of a change. Nothing was written.
        UnreadableHeaderError: nobody knows whether somebody is. Nothing was written.
        InterruptedChangeError: the store was lost in the middle of this one.
        TakenOverError: somebody else recovers this change.
        StoreError: the store is unavailable or refuses. Nothing was written.
    """
    changes = [change for planned in plans for change in planned.changes]
    if not changes:
        return None
    try:
        objects = sum(bool(planned.changes) for planned in plans)
        return await write_all(store, changes, author, progress, objects=objects)
    except StoreConflictError as error:
        if error.paths:
            raise ChangedMeanwhileError(await _versions_now(store, plans, error.paths)) from error
        raise


async def _versions_now(
    store: Store, plans: Sequence[Planned], paths: Sequence[str]
) -> Mapping[Subject, str | None]:
    owners = {change.path: planned.subject for planned in plans for change in planned.changes}
    entries = await read_paths(store, paths)
    return {
        owners[path]: str(entries[path].version) if path in entries else None
        for path in paths
        if path in owners
    }
