"""Which trees a store has, which of them is written, and where in them the objects of a kind are."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping

from catflap.model import V1_ROOT, V3_ROOT
from catflap.model.v3_documents import PLURALS
from catflap.objects.stored import StoredObject, Tree, stored_objects
from catflap.store import Entry, Store

_V1_BRANCHES: Mapping[str, tuple[str, ...]] = {
    "HostEndpoint": ("host/",),
    "WorkloadEndpoint": ("host/",),
    "GlobalNetworkPolicy": ("policy/tier/",),
    "Tier": ("policy/tier/",),
    "Profile": ("policy/profile/",),
    "FelixConfiguration": ("config/", "host/"),
    "ClusterInformation": ("Ready",),
}


def written_tree(store: Store) -> Tree:
    """The tree that new objects are written to: etcd's v2 API knows only the old one."""
    return Tree.V1 if store.url.startswith("etcd2") else Tree.V3


def trees_of(store: Store) -> tuple[Tree, ...]:
    """The trees that a store has; agents take them for one world."""
    if store.driver == "directory":
        return (Tree.V3,)
    return (Tree.V1,) if written_tree(store) is Tree.V1 else (Tree.V3, Tree.V1)


async def read_objects(store: Store, kinds: Iterable[str]) -> list[StoredObject]:
    """All objects of some kinds, in both trees, by kind, namespace and name.

    Raises:
        StoreError: the store is unavailable or refuses.
    """
    wanted = set(kinds)
    entries: dict[str, Entry] = {}
    for listing in await asyncio.gather(*map(store.read, _prefixes(store, wanted))):
        entries.update(listing.entries)
    found = [each for each in stored_objects(entries) if each.subject.kind in wanted]
    return sorted(found, key=lambda each: (each.subject, each.tree))


def _prefixes(store: Store, kinds: Iterable[str]) -> set[str]:
    """What to read for some kinds. A directory reads all its files for any of them: once is enough."""
    if store.driver == "directory":
        return {V3_ROOT}
    return {
        prefix
        for tree in trees_of(store)
        for kind in kinds
        for prefix in (
            (f"{V3_ROOT}{PLURALS[kind]}/",)
            if tree is Tree.V3
            else (f"{V1_ROOT}{branch}" for branch in _V1_BRANCHES.get(kind, ()))
        )
    }
