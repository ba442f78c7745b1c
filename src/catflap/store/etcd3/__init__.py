"""The store for etcd's v3 API (gRPC)."""

from __future__ import annotations

import os

# Read by gRPC when it is imported. Its C core writes to stderr whatever it also reports as an error.
os.environ.setdefault("GRPC_VERBOSITY", "NONE")

from catflap.store.etcd3.follower import Tuning
from catflap.store.etcd3.store import Etcd3Store

__all__ = ["Etcd3Store", "Tuning"]
