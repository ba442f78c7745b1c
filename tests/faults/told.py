"""What a follower in a process of its own tells its parent: each message pickled, after its length."""

from __future__ import annotations

import struct
from typing import Final

import msgspec

from catflap.store.api import StoreEvent

LENGTH: Final = struct.Struct("!I")


class Told(msgspec.Struct, frozen=True):
    """An event, or a line of the log, and when it came by the monotonic clock."""

    at: float
    event: StoreEvent | None = None
    log: str | None = None
