"""Which stored objects somebody means by a name or by a document."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from catflap.objects.errors import AmbiguousNameError
from catflap.objects.planning import Wanted
from catflap.objects.stored import StoredObject, Subject
from catflap.objects.trees import read_objects
from catflap.objects.v1_planning import v1_paths
from catflap.store import Store


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
