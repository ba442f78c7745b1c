"""Puts changes into files: each object into its own, never touching a file that holds anything else. Blocking.

Nothing may be replaced before all has been checked and all new content is on disk, and two writers must not mix.
"""

from __future__ import annotations

import fcntl
import json
import os
import tempfile
import time
from collections import Counter
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import yaml

from catflap.model import V3_ROOT
from catflap.model.v3_documents import DocumentError, document_path
from catflap.store.api import (
    ABSENT,
    StoreConflictError,
    StoreDeniedError,
    StoreError,
    StoreUnavailableError,
)
from catflap.store.directory.documents import version
from catflap.store.directory.scan import scan
from catflap.store.directory.tree import Tree, View

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from catflap.store.directory.strict_modes import StrictModes

FILE_MODE = 0o644
DIRECTORY_MODE = 0o755
LOCK_NAME = ".catflap.lock"
LOCK_MODE = 0o600  # whoever may open it may hold writers up
LOCK_PATIENCE = 10.0  # seconds
_LOCK_POLL = 0.02


class _Change(msgspec.Struct, frozen=True):
    """An object's document, or (None) that there shall be none."""

    path: str
    document: Any


class _Step(msgspec.Struct, frozen=True):
    """A file to be written, or (None) removed."""

    file: Path
    text: str | None


def write_changes(
    root: str,
    changes: Sequence[tuple[str, bytes | None]],
    expected: Mapping[str, int] | None = None,
    modes: StrictModes | None = None,
) -> None:
    """Make all changes. Everything is checked, and all new content is on disk, before the first file is replaced.

    Args:
        root: the directory; it is made if it is missing.
        changes: as for `catflap.store.api.Store.write`.
        expected: as for `catflap.store.api.Store.write`.
        modes: judges what is there already.

    Raises:
        UntrustedError: others may write ``root``, or a directory on the way to it.
        StoreConflictError: a path has another version than the expected one, or a file is in the way.
        StoreError: an object is not one that the directory can hold, or stands in a file with others; or the
            directory cannot be written.
    """
    wanted = [_Change(path, None if value is None else _document(path, value)) for path, value in changes]
    try:
        Path(root).mkdir(mode=DIRECTORY_MODE, parents=True, exist_ok=True)
        with _lock(root):
            _execute(_plan(root, wanted, expected or {}, modes))
    except PermissionError as error:
        raise StoreDeniedError(f"cannot write to {root}: {error}") from error
    except OSError as error:
        raise StoreError(f"cannot write to {root}: {error}") from error


@contextmanager
def _lock(root: str) -> Iterator[None]:
    """Keep other writers out. The file stays: removing it would let two of them have a lock each."""
    path = Path(root, LOCK_NAME)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, LOCK_MODE)
    try:
        end = time.monotonic() + LOCK_PATIENCE
        while not _try_lock(descriptor):
            if time.monotonic() >= end:
                raise StoreUnavailableError(
                    f"cannot write to {root}: somebody else has been writing for {LOCK_PATIENCE:g} s "
                    f"(`fuser {path}` tells who); try again when they are done"
                )
            time.sleep(_LOCK_POLL)
        yield
    finally:
        os.close(descriptor)


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _plan(
    root: str, changes: Sequence[_Change], expected: Mapping[str, int], modes: StrictModes | None
) -> list[_Step]:
    tree = Tree()
    view = tree.update(scan(root, modes=modes))
    _check_versions(view, expected)
    steps = [step for change in changes if (step := _step(root, tree, view, change)) is not None]
    file, times = Counter(step.file for step in steps).most_common(1)[0] if steps else (root, 1)
    if times > 1:
        raise StoreError(f"two of the changes concern the file {file}: make them one by one")
    return steps


def _check_versions(view: View, expected: Mapping[str, int]) -> None:
    found = {path: view.entries.get(path) for path in expected}
    versions = {path: ABSENT if value is None else version(value) for path, value in found.items()}
    wrong = tuple(path for path in expected if versions[path] != expected[path])
    if wrong:
        raise StoreConflictError(
            f"{', '.join(wrong)}: changed since it was read, so nothing was written; read it again", wrong
        )


def _step(root: str, tree: Tree, view: View, change: _Change) -> _Step | None:
    sources = view.sources.get(change.path, ())
    if sources:
        file = _own_file(tree, change.path, sources)
    elif change.document is None:
        return None
    else:
        file = _new_file(root, tree, change.path)
    if change.document is None:
        return _Step(file, None)
    file = Path(os.path.realpath(file))  # a link stays one
    return _Step(file, _format(file, change.document))


def _own_file(tree: Tree, path: str, sources: tuple[str, ...]) -> Path:
    """The file that holds the object and nothing else."""
    content = tree.content(sources[0])
    if len(sources) > 1:
        raise StoreError(f"{path} stands in several places: {', '.join(sources)}; leave it in one of them")
    if len(content.documents) + len(content.problems) > 1:
        raise StoreError(f"{path} stands in {sources[0]} together with others: edit that file")
    return Path(sources[0])


def _new_file(root: str, tree: Tree, path: str) -> Path:
    file = Path(root, f"{path.removeprefix(V3_ROOT).replace('/', '-')}.yaml")
    if os.path.lexists(file):
        raise StoreConflictError(
            f"cannot create {file} for {path}: it exists with another content; rename it", (path,)
        )
    if tree.unusable is not None:  # what it holds would count twice when it can be read again
        raise StoreError(
            f"cannot create {path}: {tree.unusable.subject} may hold it already, and cannot be used: "
            f"{' '.join(tree.unusable.reasons)}"
        )
    return file


def _document(path: str, value: bytes) -> Any:
    """The document in ``value``, which must be the one that belongs to ``path``."""
    if not path.startswith(V3_ROOT):
        raise StoreError(f"cannot write {path}: a directory holds projectcalico.org/v3 objects only")
    try:
        document = json.loads(value)
        right_path = document_path(document)
    except (ValueError, RecursionError, DocumentError) as error:
        raise StoreError(f"cannot write {path}: {error}") from error
    if right_path != path:
        raise StoreError(f"cannot write {path}: the document belongs to {right_path}")
    return document


def _format(file: Path, document: Any) -> str:
    if file.suffix == ".json":
        return json.dumps(document, indent=2, ensure_ascii=False) + "\n"
    return yaml.safe_dump(document, sort_keys=False, allow_unicode=True)


def _execute(steps: Sequence[_Step]) -> None:
    """Renames and removals come one right after the other, so that a follower sees them as one change."""
    with ExitStack() as cleanup:
        ready = [
            (_write_temporary(step.file, step.text, cleanup), step.file)
            for step in steps
            if step.text is not None
        ]
        for temporary, file in ready:
            temporary.replace(file)
        for step in steps:
            if step.text is None:
                step.file.unlink(missing_ok=True)
    for directory in {step.file.parent for step in steps}:
        _sync(directory)


def _sync(directory: Path) -> None:
    """See to it that the names in a directory are on disk."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _write_temporary(file: Path, text: str, cleanup: ExitStack) -> Path:
    """Write next to ``file``, under a name that no follower reads, and remove it in the end if it is still there."""
    descriptor, name = tempfile.mkstemp(prefix=".catflap-", dir=file.parent)
    temporary = Path(name)
    cleanup.callback(temporary.unlink, missing_ok=True)
    with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
        stream.write(text)
        os.fchmod(descriptor, FILE_MODE)
        stream.flush()
        os.fsync(descriptor)
    return temporary
