"""The store for a directory of YAML and JSON files, for one host without a server."""

from __future__ import annotations

from catflap.store.directory.burst import DEFAULT_BURST_TIMES, BurstTimes
from catflap.store.directory.follower import DEFAULT_TUNING, Tuning
from catflap.store.directory.store import DirectoryStore

__all__ = ["DEFAULT_BURST_TIMES", "DEFAULT_TUNING", "BurstTimes", "DirectoryStore", "Tuning"]
