"""The raw objects that a command shall look at, at one moment: those of files, or those of a store.

It must never write anything, and files need neither a store nor root.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import msgspec

from catflap.cli.common import CommandError, Exit
from catflap.cli.policy_files import read_paths
from catflap.model import Problem
from catflap.store import Disconnected, Snapshot, Store
from catflap.store.directory.tree import Tree

PATIENCE: Final = 10.0  # seconds that a store has to answer


class Content(msgspec.Struct, frozen=True):
    """Objects as bytes, by their paths in a store.

    ``origin`` says for people where they are from. ``problems`` are those of entries that have no place in a store at
    all; ``files`` names the files that an object stands in, of which the first counts.
    """

    origin: str
    entries: Mapping[str, bytes]
    problems: tuple[Problem, ...] = ()
    files: Mapping[str, tuple[str, ...]] = {}


def read_files(paths: Sequence[Path]) -> Content:
    """The documents of files, and of all policy files below directories, as the directory store reads them.

    Raises:
        CommandError: as `read_paths`.
    """
    names = [str(path) for path in paths]
    view = Tree().update(read_paths(names))
    return Content(" ".join(names), view.entries, view.problems, view.sources)


async def read_store(store: Store, patience: float = PATIENCE) -> Content:
    """Everything that a store holds now; the store is closed then.

    Raises:
        CommandError: the store cannot be reached, or does not answer within ``patience`` seconds.
    """
    try:
        async with asyncio.timeout(patience):
            found = await _first_event(store)
    except TimeoutError:
        found = Disconnected(f"no answer within {patience:g} s")
    finally:
        await store.close()
    if isinstance(found, Disconnected):
        raise CommandError(
            f"cannot read the store {store.url}: {found.reason}; --store names another store",
            Exit.UNREACHABLE,
        )
    return Content(store.url, found.entries, found.problems)


async def _first_event(store: Store) -> Snapshot | Disconnected:
    async for event in store.follow():
        if isinstance(event, Snapshot | Disconnected):
            return event
    return Disconnected("it ended")
