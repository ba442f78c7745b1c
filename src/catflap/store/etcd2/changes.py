"""Changes as the v2 API can make them: what it takes, under which condition, and what its answers mean. Pure."""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING

import msgspec

from catflap.model import V1_ROOT
from catflap.store.api import ABSENT, StoreConflictError, StoreError
from catflap.store.etcd2.client import COMPARE_FAILED, KEY_EXISTS, KEY_NOT_FOUND
from catflap.store.etcd2.tree import Answer, Node

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from catflap.store.etcd2.client import Reply

CALICO_ROOT = "/calico/"
RESOURCES = "/calico/resources/"  # of the v3 API: agents that follow the v2 API do not see them
CONFLICTS = frozenset({KEY_NOT_FOUND, COMPARE_FAILED, KEY_EXISTS})


class Change(msgspec.Struct, frozen=True):
    """A path's new text (None: it is to be deleted), and the version that it must have before, if any must."""

    path: str
    text: str | None
    expected: int | None = None

    @property
    def condition(self) -> dict[str, str]:
        """The expected version as etcd takes it with the request."""
        if self.expected is None:
            return {}
        return {"prevExist": "false"} if self.expected == ABSENT else {"prevIndex": str(self.expected)}


def changes_of(
    changes: Sequence[tuple[str, bytes | None]], expected: Mapping[str, int]
) -> tuple[Change, ...]:
    """The changes as this API can make them.

    Raises:
        StoreError: it cannot make one of them.
    """
    seen: set[str] = set()
    for path, _ in changes:
        if path in seen:
            raise StoreError(f"{path} is changed twice in one write: give its last value only")
        seen.add(path)
    return tuple(Change(path, text_of(path, value), expected.get(path)) for path, value in changes)


def text_of(path: str, value: bytes | None) -> str | None:
    """The value as the API takes it: text. The path is checked, too: etcd would take another one for some.

    Raises:
        StoreError: path or value cannot be written.
    """
    if path.startswith(RESOURCES) or not path.startswith(CALICO_ROOT):
        raise StoreError(
            f"cannot write {path}: with etcd's v2 API Catflap uses {V1_ROOT} and keys of its own below "
            f"{CALICO_ROOT} only; use etcd:// instead"
        )
    if posixpath.normpath(path) != path or "/_" in path:
        raise StoreError(
            f"cannot write {path}: etcd's v2 API has no such key, or hides it from those who follow; "
            "use names that are not empty, do not begin with _, and are neither . nor .."
        )
    try:
        path.encode()
        return None if value is None else value.decode()
    except UnicodeError as error:
        raise StoreError(
            f"cannot write {path!r}: keys and values in etcd's v2 API must be UTF-8 text ({error})"
        ) from error


def node_of(reply: Reply) -> Node | None:
    """The key that a reply to a read shows, None if there is none or it is a directory."""
    return reply.body.node if isinstance(reply.body, Answer) and not reply.body.node.dir else None


def version_of(reply: Reply) -> int:
    """The version of what a reply to a read shows."""
    node = node_of(reply)
    return ABSENT if node is None else node.modified_index


def check_possible(change: Change, before: Reply) -> None:
    """Check a change against a read of its path.

    Raises:
        StoreConflictError: the path has another version than the expected one.
        StoreError: it is a directory.
    """
    if isinstance(before.body, Answer) and before.body.node.dir:
        raise StoreError(
            f"cannot write {change.path}: it is a directory in etcd; remove that, if it is a mistake"
        )
    if change.expected not in (None, version_of(before)):
        raise conflict(change.path)


def index_of(change: Change, reply: Reply) -> int:
    """The index of a change that etcd has answered.

    Raises:
        StoreConflictError: its condition did not hold.
        StoreError: it cannot be made.
    """
    if isinstance(reply.body, Answer):
        return reply.body.node.modified_index
    if change.expected is not None and reply.body.error_code in CONFLICTS:
        raise conflict(change.path)
    if change.text is None and reply.missing:
        return reply.index
    raise StoreError(f"etcd refuses {change.path}: {reply.body.text}")


def index_if_made(change: Change, before: int, now: Reply) -> int | None:
    """The index of a change whose answer was lost, from a later read; None if it is not there to be seen.

    Args:
        change: what was tried.
        before: the store's index before.
        now: a read of the path.
    """
    node = node_of(now)
    if change.text is None:
        return now.index if node is None else None
    made = node is not None and node.value == change.text and node.modified_index > before
    return node.modified_index if node is not None and made else None


def conflict(*paths: str) -> StoreConflictError:
    """The error for paths that have another version than the expected one."""
    return StoreConflictError(f"{', '.join(paths)} changed meanwhile: nothing was written", paths)


def told(error: StoreError, change: Change, made: Sequence[Change], count: int) -> StoreError:
    """The same error for ``change``, saying which of ``count`` changes were ``made`` before it."""
    if not made:
        return error
    paths = ", ".join(change.path for change in made)
    stay = f"{len(made)} of {count} changes were made before {change.path}, and stay: {paths}"
    if isinstance(error, StoreConflictError):
        return StoreConflictError(f"{change.path} changed meanwhile: {stay}", error.paths)
    return type(error)(f"{error} ({stay})")
