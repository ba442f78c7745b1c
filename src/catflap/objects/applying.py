"""Applying documents and deleting objects: from what somebody wants to what is written."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Iterable, Mapping, Sequence

from catflap.objects.errors import AmbiguousNameError, ChangedMeanwhileError
from catflap.objects.planning import Planned, Stamp, Wanted
from catflap.objects.reading import read_paths
from catflap.objects.settling import Progress, no_progress
from catflap.objects.stored import StoredObject, Subject, Tree
from catflap.objects.trees import read_objects, written_tree
from catflap.objects.v1_planning import plan_v1, v1_paths
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


async def find_named(store: Store, names: Sequence[Subject]) -> list[list[StoredObject]]:
    """For each name the objects that bear it: none, one, or one in each tree.

    Raises:
        AmbiguousNameError: a short name means several objects.
        StoreError: the store is unavailable or refuses.
    """
    found = await read_objects(store, {each.kind for each in names})
    return [_bearing(found, name) for name in names]


def _bearing(objects: Sequence[StoredObject], name: Subject) -> list[StoredObject]:
    """Whoever bears the whole name, or else the only one with that short name."""
    whole = [each for each in objects if each.subject == name]
    if whole:
        return whole
    short = [each for each in objects if each.subject.kind == name.kind and each.short_name == name.name]
    if len(short) > 1:
        raise AmbiguousNameError(name, [each.subject for each in short])
    return short


async def find_documented(store: Store, items: Sequence[Wanted]) -> list[list[StoredObject]]:
    """For each document the objects that it is stored as, as in `find_named`.

    Raises:
        StoreError: the store is unavailable or refuses.
    """
    found = await read_objects(store, {item.subject.kind for item in items})
    by_path = {path: each for each in found for path in each.entries}
    places = [(item.path, *v1_paths(item)) for item in items]
    return [unique([by_path[path] for path in paths if path in by_path]) for paths in places]


def unique(objects: Iterable[StoredObject]) -> list[StoredObject]:
    """Each object once."""
    return list({(each.tree, each.subject): each for each in objects}.values())


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
