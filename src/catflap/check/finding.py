"""What checking finds: one sentence about one field of one object at one line of one file."""

from __future__ import annotations

import enum

import msgspec


class Severity(enum.StrEnum):
    """Errors make data invalid or break a promise of the author; warnings say what was probably not meant."""

    ERROR = "error"
    WARNING = "warning"


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One finding; its JSON is a stable interface.

    ``line`` counts from 1. ``kind`` and ``name`` are empty where the file as a whole is meant, ``field`` where the
    object as a whole is. ``code`` is a stable word (``docs/reference/checks.md``).
    """

    file: str
    line: int
    kind: str = ""
    name: str = ""
    severity: Severity
    code: str
    field: str = ""
    message: str

    @property
    def place(self) -> tuple[str, int]:
        """What findings are sorted by."""
        return self.file, self.line
