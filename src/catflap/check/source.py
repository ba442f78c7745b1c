"""From the bytes of one file to its objects, each with its place, or to what is wrong with the file."""

from __future__ import annotations

import re
from typing import Any

import msgspec

from catflap.check.finding import Finding, Severity
from catflap.check.positions import compose_documents, line_of
from catflap.store.directory.documents import FileError, load_objects

_LINE = re.compile(r"\bline ([0-9]+)")


class SourceObject(msgspec.Struct, frozen=True):
    """One object as written. ``kind`` and ``name`` are empty where it has none."""

    file: str
    kind: str
    name: str
    value: Any
    node: Any  # where it stands: a yaml.Node or None

    def line(self, field: str = "") -> int:
        """The line of a field, or of the object."""
        return line_of(self.node, field)

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
    nodes = compose_documents(file, data)
    objects = []
    for each in located:
        node = nodes[each.document] if each.document < len(nodes) else None
        if node is not None and each.item is not None:
            node = _list_item(node, each.item)
        objects.append(_source_object(file, each.value, node))
    return objects, []


def unreadable(file: str, reason: str) -> Finding:
    """A file as a whole cannot be used."""
    line = _LINE.search(reason)
    number = int(line[1]) if line else 1
    return Finding(file=file, line=number, severity=Severity.ERROR, code="unreadable", message=reason)


def _list_item(node: Any, index: int) -> Any:
    for key, value in node.value:
        if key.value == "items":
            return value.value[index]
    return node


def _source_object(file: str, value: Any, node: Any) -> SourceObject:
    members = value if isinstance(value, dict) else {}
    metadata = members.get("metadata")
    name = metadata.get("name") if isinstance(metadata, dict) else None
    return SourceObject(file, _text(members.get("kind")), _text(name), value, node)


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
