"""What the answers of the v2 API mean: nodes, events, and the paths that a directory's end takes along. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias

import msgspec

from catflap.model import V1_ROOT
from catflap.model.decoded import Problem

Changes: TypeAlias = dict[str, bytes | None]

REMOVALS = frozenset({"delete", "expire", "compareAndDelete"})
WRITES = frozenset({"set", "create", "update", "compareAndSwap"})

LONGEST_TEXT = 500  # characters

_REPLACED = "\ufffd"  # what etcd prints for bytes that are no UTF-8
_HIDDEN = "/_"


class Node(msgspec.Struct, frozen=True, rename="camel"):
    """A key or a directory as etcd prints it."""

    key: str = "/"  # the root directory has none
    value: str = ""
    dir: bool = False
    nodes: tuple[Node, ...] | None = ()  # None: left out, because they are nested beyond reason
    modified_index: int = 0


class Answer(msgspec.Struct, frozen=True):
    """The body of an answer to a read, a write or a poll."""

    action: str
    node: Node


class Failure(msgspec.Struct, frozen=True, rename="camel"):
    """The body of an answer that is an error."""

    error_code: int = 0
    message: str = ""
    cause: str = ""

    @property
    def text(self) -> str:
        """What etcd says about it, in short."""
        return f"{self.message} {self.cause}".strip()[:LONGEST_TEXT]


class Content(msgspec.Struct, frozen=True):
    """All values below a directory, and a problem for each part of it that cannot be read."""

    entries: dict[str, bytes] = {}
    problems: tuple[Problem, ...] = ()


def leaves(node: Node) -> Iterator[Node]:
    """Every value of a directory that was read recursively, and every directory in it that was left out."""
    rest = [node]
    while rest:
        current = rest.pop()
        if current.dir and current.nodes is not None:
            rest.extend(current.nodes)
        else:
            yield current


def newest_of(node: Node) -> Node | None:
    """The value that was changed last in a directory that was read recursively."""
    values = (leaf for leaf in leaves(node) if not leaf.dir)
    return max(values, key=lambda leaf: leaf.modified_index, default=None)


def content_of(node: Node) -> Content:
    """The content of a directory that was read recursively, as far as it is followed."""
    entries: dict[str, bytes] = {}
    problems: dict[str, Problem] = {}
    for leaf in leaves(node):
        if leaf.dir:
            problems[leaf.key] = _too_deep(leaf.key)
        elif _REPLACED in leaf.key:
            problems[leaf.key] = _not_text(leaf.key)
        elif is_followed(leaf.key):
            entries[leaf.key] = leaf.value.encode()
    return Content(entries, tuple(problems.values()))


def is_followed(key: str) -> bool:
    """Whether a value at ``key`` is an entry for followers.

    Hidden keys are not: etcd lists them nowhere and tells no waiting poll of them, but it does tell a poll that
    catches up.
    """
    return key.startswith(V1_ROOT) and _HIDDEN not in key.removeprefix(V1_ROOT[:-1])


def _too_deep(key: str) -> Problem:
    reason = "it is nested too deeply to hold any of Catflap's keys; what is below it is not read. Remove it."
    return Problem(key, f"directory {key}", (reason,))


def _not_text(key: str) -> Problem:
    reason = "its name is not UTF-8, so several keys may look like it; none of them is read. Remove it."
    return Problem(key, f"key {key}", (reason,))


class Tree:
    """The paths that exist, so that the end of a directory, one event, becomes the end of each path below it."""

    def __init__(self) -> None:
        self._paths: set[str] = set()
        self._problems: dict[str, Problem] = {}

    @property
    def problems(self) -> tuple[Problem, ...]:
        """Of what exists and cannot be read."""
        return tuple(self._problems.values())

    def reset(self, content: Content) -> None:
        """Begin with this content."""
        self._paths = set(content.entries)
        self._problems = {problem.path: problem for problem in content.problems}

    def apply(self, event: Answer) -> Changes:
        """The changes that one event of a poll means."""
        node = event.node
        if event.action in REMOVALS:
            return self._remove_directory(node.key) if node.dir else self._remove(node.key)
        if (
            node.dir
        ):  # a new one may have taken a value's place; of an older one only the time to live changed
            return self._remove(node.key)
        if _REPLACED in node.key:
            self._problems[node.key] = _not_text(node.key)
            return {}
        if not is_followed(node.key):
            return {}
        self._paths.add(node.key)
        return {node.key: node.value.encode()}

    def _remove(self, key: str) -> Changes:
        self._problems.pop(key, None)
        if key not in self._paths:
            return {}
        self._paths.remove(key)
        return {key: None}

    def _remove_directory(self, key: str) -> Changes:
        below = f"{key.rstrip('/')}/"
        gone = sorted(path for path in self._paths if path.startswith(below))
        self._paths.difference_update(gone)
        for path in [path for path in self._problems if f"{path}/".startswith(below)]:
            del self._problems[path]
        return dict.fromkeys(gone)
