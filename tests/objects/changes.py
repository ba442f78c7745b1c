"""A change for tests: it creates, changes and deletes, and takes several steps."""

from __future__ import annotations

from catflap.model import V3_ROOT
from catflap.objects.changes import KeyChange
from catflap.objects.reading import read_paths
from catflap.store import ABSENT, Store

KEYS = tuple(f"{V3_ROOT}hostendpoints/e{number}" for number in range(7))
BEFORE = {KEYS[0]: b"old 0", KEYS[1]: b"old 1", KEYS[2]: b"old 2", KEYS[3]: b"old 3"}
AFTER = {KEYS[0]: b"new 0", KEYS[1]: b"new 1", KEYS[4]: b"new 4", KEYS[5]: b"new 5", KEYS[6]: b"new 6"}


async def change_of(store: Store) -> list[KeyChange]:
    """What leads from `BEFORE` to `AFTER`, as somebody plans it who reads the store now."""
    now = await read_paths(store, KEYS)
    return [
        KeyChange(path, BEFORE.get(path), AFTER.get(path), entry.version if entry else ABSENT)
        for path in KEYS
        if BEFORE.get(path) != AFTER.get(path)
        for entry in [now.get(path)]
    ]
