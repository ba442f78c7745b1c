"""What a change that takes several transactions leaves in the store while it is written.

A *header* in the range that agents follow says that somebody is in the middle of writing, who, and how far; agents
hold back what they see until it is gone. The *journal* with all old and new values lies outside of that range. Only
the commands that write policy touch either of them, and no header may ever be mistaken for policy.
"""

from __future__ import annotations

from typing import Final

import msgspec

CHANGE_PATH: Final = "/calico/v1/catflap/change"
JOURNAL_ROOT: Final = "/calico/catflap/journal/"


class ChangeHeader(msgspec.Struct, frozen=True, kw_only=True):
    """A change in progress; its JSON is what is stored.

    ``author`` is ``user@host``, ``started`` a time in UTC (``2026-01-01T00:00:00Z``). ``objects`` are those that
    change; of its ``steps``, each one transaction, ``done`` have been made.
    """

    id: str
    author: str
    started: str
    objects: int
    steps: int
    done: int


def read_change_header(value: bytes) -> ChangeHeader | None:
    """The header in a stored value; None where it holds none.

    Such a value is nobody's change: agents say so and go on, and nothing is written until somebody has deleted it.
    """
    try:
        return msgspec.json.decode(value, type=ChangeHeader)
    except (msgspec.DecodeError, ValueError, RecursionError):
        return None


def write_change_header(header: ChangeHeader) -> bytes:
    """The value to store."""
    return msgspec.json.encode(header)
