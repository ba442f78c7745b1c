"""The store for a directory of YAML and JSON files, for one host without a server."""

from __future__ import annotations

from catflap.store.directory.store import DirectoryStore

__all__ = ["DirectoryStore"]
