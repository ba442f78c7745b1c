"""On which line of its file a field stands. Most files are faultless, so nothing is looked up before somebody asks."""

from __future__ import annotations

import functools
import re
from typing import TYPE_CHECKING

import yaml

try:
    from yaml import CSafeLoader as _Loader
except ImportError:  # PyYAML was built without libyaml: slower, but the same
    from yaml import SafeLoader as _Loader  # type: ignore[assignment]  # the two have the same methods

if TYPE_CHECKING:
    from collections.abc import Sequence

_STEP = re.compile(r"([^.\[\]]+)|\[([0-9]+)\]")


class FileLines:
    """The lines of one file, which is parsed once more when the first of them is asked for."""

    def __init__(self, file: str, data: bytes) -> None:
        self._file = file
        self._data = data

    @functools.cached_property
    def _documents(self) -> Sequence[yaml.Node | None]:
        return compose_documents(self._file, self._data)

    def line(self, document: int, item: int | None, field: str) -> int:
        """The line of a field of an object: of a document, or of an item of the list that the document is."""
        if document >= len(self._documents):
            return 1
        path = field if item is None else f"items[{item}].{field}"
        return line_of(self._documents[document], path)


def compose_documents(file: str, data: bytes) -> Sequence[yaml.Node | None]:
    """The documents of a file as nodes, which know their lines.

    The file must have been read without an error: nothing guards against hostile YAML here. JSON is YAML, but for tabs
    and some rare escapes; where it is not, there are no nodes, and so no lines.
    """
    if file.endswith(".json"):
        data = data.replace(b"\t", b" ")  # between values only: JSON has none in strings
    try:
        return list(yaml.compose_all(data, _Loader))
    except yaml.YAMLError:
        return ()


def line_of(root: yaml.Node | None, field: str) -> int:
    """The line, from 1, of a field such as ``spec.ingress[0].action``, or of what it would stand in."""
    if root is None:
        return 1
    node, line = root, _line(root)
    for name, index in _STEP.findall(field):
        found = _item(node, int(index)) if index else _member(node, name)
        if found is None:
            break
        node, line = found
    return line


def _line(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1


def _item(node: yaml.Node, index: int) -> tuple[yaml.Node, int] | None:
    if not isinstance(node, yaml.SequenceNode) or index >= len(node.value):
        return None
    item = node.value[index]
    return item, _line(item)


def _member(node: yaml.Node, name: str) -> tuple[yaml.Node, int] | None:
    """The value of a member, and the line of its name."""
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if isinstance(key, yaml.ScalarNode) and key.value == name:
                return value, _line(key)
    return None
