"""A store for verbs that write, and files to give them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pytest
from tests.objects.stores import LimitedStore

from catflap.cli import stores


class Reopened(LimitedStore):
    """It can be closed and opened again, as a server's."""

    async def close(self) -> None:
        pass


def given_store(
    monkeypatch: pytest.MonkeyPatch,
    entries: Mapping[str, bytes] | None = None,
    limit: int | None = 128,
    url: str = "etcd://memory",
) -> Reopened:
    """What every command finds as its store."""
    store = Reopened(entries, limit, url)
    monkeypatch.setattr(stores, "open_store", lambda *_: store)
    return store


def file_of(directory: Path, *documents: Mapping[str, object], name: str = "objects.yaml") -> str:
    """A file with one document a line, each but the first after a line that parts them."""
    file = directory / name
    file.write_text("\n---\n".join(map(json.dumps, documents)))
    return str(file)
