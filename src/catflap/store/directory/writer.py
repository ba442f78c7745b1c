"""Puts changes into files: each object into its own, never touching a file that holds anything else. Blocking."""

from __future__ import annotations

import json
import os
import tempfile
from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import yaml

from catflap.model import V3_ROOT
from catflap.model.v3_documents import DocumentError, document_path
from catflap.store.api import StoreConflictError, StoreDeniedError, StoreError
from catflap.store.directory.scan import scan
from catflap.store.directory.tree import Tree, View

if TYPE_CHECKING:
    from collections.abc import Sequence

FILE_MODE = 0o644
DIRECTORY_MODE = 0o755


class _Step(msgspec.Struct, frozen=True):
    """A file to be written, or (None) removed."""

    file: Path
    text: str | None


def write_changes(root: str, changes: Sequence[tuple[str, bytes | None]]) -> None:
    """Make all changes. Everything is checked, and all new content is on disk, before the first file is replaced.

    Raises:
        StoreError: an object is not one that the directory can hold, or stands in a file with others; or the
            directory cannot be written.
    """
    try:
        Path(root).mkdir(mode=DIRECTORY_MODE, parents=True, exist_ok=True)
        _execute(_plan(root, changes))
    except PermissionError as error:
        raise StoreDeniedError(f"cannot write to {root}: {error}") from error
    except OSError as error:
        raise StoreError(f"cannot write to {root}: {error}") from error


def _plan(root: str, changes: Sequence[tuple[str, bytes | None]]) -> list[_Step]:
    tree = Tree()
    view = tree.update(scan(root))
    steps = [step for path, value in changes if (step := _step(root, tree, view, path, value)) is not None]
    file, times = Counter(step.file for step in steps).most_common(1)[0] if steps else (root, 1)
    if times > 1:
        raise StoreError(f"two of the changes concern the file {file}: make them one by one")
    return steps


def _step(root: str, tree: Tree, view: View, path: str, value: bytes | None) -> _Step | None:
    document = None if value is None else _document(path, value)
    sources = view.sources.get(path, ())
    if sources:
        file = _own_file(tree, path, sources)
    elif document is None:
        return None
    else:
        file = _new_file(root, path)
    return _Step(file, None if document is None else _format(file, document))


def _own_file(tree: Tree, path: str, sources: tuple[str, ...]) -> Path:
    """The file that holds the object and nothing else."""
    content = tree.content(sources[0])
    if len(sources) > 1:
        raise StoreError(f"{path} stands in several places: {', '.join(sources)}; leave it in one of them")
    if len(content.documents) + len(content.problems) > 1:
        raise StoreError(f"{path} stands in {sources[0]} together with others: edit that file")
    return Path(os.path.realpath(sources[0]))  # a link stays one


def _new_file(root: str, path: str) -> Path:
    file = Path(root, f"{path.removeprefix(V3_ROOT).replace('/', '-')}.yaml")
    if file.exists():
        raise StoreConflictError(
            f"cannot create {file} for {path}: it exists with another content; rename it"
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
