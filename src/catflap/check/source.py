"""From the bytes of one file to its objects, each with its place, or to what is wrong with the file."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from typing import Any

import msgspec

from catflap.check.finding import Finding, Severity
from catflap.check.positions import FileLines
from catflap.store.directory.documents import FileError, Located, load_objects

_LINE = re.compile(r"\bline ([0-9]+)")


class SourceObject(msgspec.Struct, frozen=True):
    """One object as written. ``kind`` and ``name`` are empty where it has none; ``locate`` finds a field's line."""

    file: str
    kind: str
    name: str
    value: Any
    locate: Callable[[str], int]

    def line(self, field: str = "") -> int:
        """The line of a field, or of the object."""
        return self.locate(field)

    def finding(self, severity: Severity, code: str, message: str, field: str = "") -> Finding:
        """Something about a field, or about the object."""
        return Finding(
            file=self.file,
            line=self.line(field),
            kind=self.kind,
            name=self.name,
            severity=severity,
            code=code,
            field=field,
            message=message,
        )


def read_source(file: str, data: bytes) -> tuple[list[SourceObject], list[Finding]]:
    """The objects of a file; or one finding that says why it cannot be read."""
    try:
        located = load_objects(file, data)
    except FileError as error:
        return [], [unreadable(file, str(error))]
    lines = FileLines(file, data)
    return [_source_object(file, each, lines) for each in located], []


def unreadable(file: str, reason: str) -> Finding:
    """A file as a whole cannot be used."""
    line = _LINE.search(reason)
    number = int(line[1]) if line else 1
    return Finding(file=file, line=number, severity=Severity.ERROR, code="unreadable", message=reason)


def _source_object(file: str, located: Located, lines: FileLines) -> SourceObject:
    members = located.value if isinstance(located.value, dict) else {}
    metadata = members.get("metadata")
    name = metadata.get("name") if isinstance(metadata, dict) else None
    locate = functools.partial(lines.line, located.document, located.item)
    return SourceObject(file, _text(members.get("kind")), _text(name), located.value, locate)


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
