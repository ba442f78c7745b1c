"""Where the data is kept: etcd (both APIs) or a directory, behind one port. No policy is understood here."""

from __future__ import annotations

from catflap.store.api import (
    ABSENT,
    Alive,
    Connected,
    Delta,
    Disconnected,
    Entry,
    Lease,
    Listing,
    Snapshot,
    Store,
    StoreConflictError,
    StoreDeniedError,
    StoreError,
    StoreEvent,
    StoreOptions,
    StoreUnavailableError,
)
from catflap.store.url import open_store

__all__ = [
    "ABSENT",
    "Alive",
    "Connected",
    "Delta",
    "Disconnected",
    "Entry",
    "Lease",
    "Listing",
    "Snapshot",
    "Store",
    "StoreConflictError",
    "StoreDeniedError",
    "StoreError",
    "StoreEvent",
    "StoreOptions",
    "StoreUnavailableError",
    "open_store",
]
