"""What the answers of the v2 API mean: nodes, events, and the paths that a directory's end takes along. Pure."""

from __future__ import annotations

from typing import TypeAlias

import msgspec

from catflap.model import V1_ROOT
from catflap.model.decoded import Problem

Changes: TypeAlias = dict[str, bytes | None]

REMOVALS = frozenset({"delete", "expire", "compareAndDelete"})


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


class Content(msgspec.Struct, frozen=True):
    """All values below a directory, and a problem for each directory in it that was left out."""

    entries: dict[str, bytes] = {}
    problems: tuple[Problem, ...] = ()


def content_of(node: Node) -> Content:
    """The content of a directory that was read recursively."""
    entries: dict[str, bytes] = {}
    problems: list[Problem] = []
    rest = [node]
    while rest:
        current = rest.pop()
        if current.nodes is None:
            problems.append(_too_deep(current.key))
        elif current.dir:
            rest.extend(current.nodes)
        elif current.key.startswith(V1_ROOT):
            entries[current.key] = current.value.encode()
    return Content(entries, tuple(problems))


def _too_deep(key: str) -> Problem:
    reason = "it is nested too deeply to hold any of Catflap's keys; what is below it is not read. Remove it."
    return Problem(key, f"directory {key}", (reason,))


class Tree:
    """The paths that exist, so that the end of a directory, one event, becomes the end of each path below it."""

    def __init__(self) -> None:
        self._paths: set[str] = set()
        self.problems: tuple[Problem, ...] = ()  # of directories that still exist

    def reset(self, content: Content) -> None:
        """Begin with this content."""
        self._paths = set(content.entries)
        self.problems = content.problems

    def apply(self, event: Answer) -> Changes:
        """The changes that one event of a poll means."""
        node = event.node
        if event.action in REMOVALS:
            return self._remove(node.key)
        if node.dir:  # a directory may take a value's place
            return self._remove(node.key)
        if not node.key.startswith(V1_ROOT):
            return {}
        self._paths.add(node.key)
        return {node.key: node.value.encode()}

    def _remove(self, key: str) -> Changes:
        below = f"{key.rstrip('/')}/"
        gone = sorted(path for path in self._paths if path == key or path.startswith(below))
        self._paths.difference_update(gone)
        self.problems = tuple(
            problem for problem in self.problems if not f"{problem.path}/".startswith(below)
        )
        return dict.fromkeys(gone)
