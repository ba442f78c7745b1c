"""The store for etcd's v2 API (HTTP), which etcd has up to 3.5 and only with ``--enable-v2``."""

from __future__ import annotations

from catflap.store.etcd2.follower import Tuning
from catflap.store.etcd2.store import Etcd2Store

__all__ = ["Etcd2Store", "Tuning"]
