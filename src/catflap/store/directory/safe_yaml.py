"""YAML from strangers: nothing in it may run code, exhaust memory or stack, or mean something else than it says.

Stricter than YAML itself: a key twice in one mapping, a key that is no text, endless numbers, deep nesting and aliases
that expand to very much are errors. Text that looks like a date stays text, as in JSON.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, cast

import yaml
from yaml.constructor import ConstructorError

try:
    from yaml import CSafeLoader as _SafeLoader
except ImportError:  # PyYAML was built without libyaml: slower, but the same
    from yaml import SafeLoader as _SafeLoader  # type: ignore[assignment]  # the two have the same methods

if TYPE_CHECKING:
    from collections.abc import Hashable

MAX_DEPTH = 100  # libyaml's own recursion overflows the stack at some 100,000
MAX_VALUES = 1_000_000  # counted with all aliases expanded
# What PyYAML raises where a value does not fit the tag before it, such as `!!int ""` or `!!bool x`.
_ODDITIES = (ValueError, LookupError, AttributeError, TypeError, ArithmeticError, RecursionError)
MAX_DIGITS = 1000  # of an integer: Python neither reads nor writes some 4,300, and long ones cost much time
_INDENTATION = re.compile(rb"^[ \t?:-]*", re.MULTILINE)
_MERGE = "tag:yaml.org,2002:merge"
_TIMESTAMP = "tag:yaml.org,2002:timestamp"


class _Loader(_SafeLoader):
    """Makes the same values as a JSON parser would, from unambiguous mappings only."""

    yaml_implicit_resolvers = {  # noqa: RUF012 - PyYAML reads it from the class
        first: [(tag, pattern) for tag, pattern in resolvers if tag != _TIMESTAMP]
        for first, resolvers in _SafeLoader.yaml_implicit_resolvers.items()
    }

    def construct_document(self, node: yaml.Node) -> Any:
        self._flattened: set[yaml.MappingNode] = set()
        return super().construct_document(node)

    def flatten_mapping(self, node: yaml.MappingNode) -> None:
        if node not in self._flattened:  # else its keys may stand twice: its own, and those merged into it
            self._flattened.add(node)
            _check_keys(node)
        super().flatten_mapping(node)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        mapping = super().construct_mapping(node, deep)
        for name in mapping:
            if not isinstance(name, str):
                raise ConstructorError(
                    None, None, f"key {name!r} is no text: write it in quotes", node.start_mark
                )
        return mapping

    def construct_yaml_int(self, node: yaml.ScalarNode) -> int:
        if len(node.value) > MAX_DIGITS:
            raise ConstructorError(None, None, f"a number of more than {MAX_DIGITS} digits", node.start_mark)
        return super().construct_yaml_int(node)


_Loader.add_constructor("tag:yaml.org,2002:int", _Loader.construct_yaml_int)


def _check_keys(node: yaml.MappingNode) -> None:
    seen: set[str] = set()
    for key, _ in node.value:
        if key.tag != _MERGE and isinstance(key, yaml.ScalarNode):
            if key.value in seen:
                raise ConstructorError(
                    None, None, f"key {key.value!r} stands twice in one mapping", key.start_mark
                )
            seen.add(key.value)


class YamlError(ValueError):
    """The text is no YAML, or none that is accepted. Names line and column where known."""


def load_documents(data: bytes) -> list[Any]:
    """The values of all documents in a YAML stream.

    Raises:
        YamlError: with line and column.
    """
    try:
        _check_extent(data)
        return list(yaml.load_all(data, _Loader))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = "" if mark is None else f"line {mark.line + 1}, column {mark.column + 1}: "
        raise YamlError(f"{where}{error.problem or error.context}") from error
    except (yaml.YAMLError, *_ODDITIES) as error:
        raise YamlError(" ".join(str(error).split()) or "a value does not fit its tag") from error


class _Extent:
    """Counts a stream's values as they would be with every alias expanded, without building any of them."""

    def __init__(self) -> None:
        self._sizes: dict[str, int] = {}  # of finished anchored values
        self._open: list[tuple[str | None, int]] = []  # anchor and size so far of each enclosing collection

    def add(self, event: yaml.Event) -> None:
        if isinstance(event, yaml.CollectionStartEvent):
            self._open.append((event.anchor, 1))
            if len(self._open) > MAX_DEPTH:
                raise _refusal(f"more than {MAX_DEPTH} levels of nesting", event)
        elif isinstance(event, yaml.CollectionEndEvent):
            anchor, size = self._open.pop()
            self._finish(anchor, size, event)
        elif isinstance(event, yaml.AliasEvent):
            if any(anchor == event.anchor for anchor, _ in self._open):
                raise _refusal(f"alias *{event.anchor} stands inside of what it refers to", event)
            self._finish(None, self._sizes.get(event.anchor or "", 1), event)
        elif isinstance(event, yaml.ScalarEvent):
            self._finish(event.anchor, 1, event)

    def _finish(self, anchor: str | None, size: int, event: yaml.Event) -> None:
        if anchor is not None:
            self._sizes[anchor] = size
        if self._open:
            outer, outer_size = self._open[-1]
            self._open[-1] = (outer, outer_size + size)
            size += outer_size
        if size > MAX_VALUES:
            raise _refusal(f"more than {MAX_VALUES} values, aliases expanded", event)


def _check_extent(data: bytes) -> None:
    if _is_small(data):
        return
    extent = _Extent()
    for event in yaml.parse(data, _Loader):
        extent.add(event)


def _is_small(data: bytes) -> bool:
    """Whether no limit can be reached, found out twenty times as fast as by counting; False where that is not known.

    There is no expansion without both anchors and aliases, and no byte makes more than two values. A collection in
    brackets needs an opening one. Any other begins further right than the one around it (or in the same column, if it
    is a sequence in a mapping), and on its line only indicators of collections and blanks stand before it. Other line
    breaks than that of Unix would hide lines.
    """
    if (b"&" in data and b"*" in data) or 2 * len(data) > MAX_VALUES or not data.isascii() or b"\r" in data:
        return False
    columns = 1 + max(map(len, _INDENTATION.findall(data)))
    return data.count(b"[") + data.count(b"{") + 2 * columns <= MAX_DEPTH


def _refusal(problem: str, event: yaml.Event) -> ConstructorError:
    mark = cast(
        "yaml.error.Mark | None", event.start_mark
    )  # the C parser's marks are of a class of their own
    return ConstructorError(None, None, problem, mark)
