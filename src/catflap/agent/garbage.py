"""Keeps Python's garbage collector from walking over a fleet's objects.

What is read from the store stays for as long as the agent lives, is freed by reference counts when it changes, and
forms no cycles. A full collection would only walk over it, and hold up everything for a tenth of a second.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def collector_paused() -> Iterator[None]:
    """No collection while many objects are made that will stay; afterwards they are never walked over."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
