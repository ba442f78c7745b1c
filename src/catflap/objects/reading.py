"""Reading many keys with few requests."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Final

from catflap.model import V1_ROOT, V3_ROOT
from catflap.store import Entry, Store

ONE_BY_ONE: Final = 32  # keys of one group; of more it is cheaper to read the group


async def read_paths(store: Store, paths: Iterable[str]) -> Mapping[str, Entry]:
    """The entries of those paths that exist.

    Raises:
        StoreError: the store is unavailable or refuses.
    """
    groups: dict[str, list[str]] = defaultdict(list)
    for path in paths:
        groups[_group(path)].append(path)
    found: dict[str, Entry] = {}
    for group, wanted in groups.items():
        prefixes = wanted if len(wanted) <= ONE_BY_ONE else [group]
        for listing in await asyncio.gather(*map(store.read, prefixes)):
            found.update((path, listing.entries[path]) for path in wanted if path in listing.entries)
    return found


def _group(path: str) -> str:
    """What is kept together: the objects of one kind, or the branch of the v1 tree."""
    for root in (V3_ROOT, V1_ROOT):
        if path.startswith(root):
            return f"{root}{path.removeprefix(root).partition('/')[0]}/"
    return path
