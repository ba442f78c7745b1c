"""What all files of the directory mean together. Pure: it is told what was read, and remembers what was good.

A file that cannot be read or understood keeps its last good content: a slip of the pen must not take policy away.
"""

from __future__ import annotations

import os
from pathlib import PurePath
from typing import TYPE_CHECKING

import msgspec
from msgspec import structs

from catflap.model import V3_ROOT
from catflap.model.decoded import Problem
from catflap.model.v3_documents import API_VERSION
from catflap.store.directory.documents import FileContent, FileError, parse_file

if TYPE_CHECKING:
    from collections.abc import Mapping

READY_PATH = f"{V3_ROOT}clusterinformations/default"
READY = msgspec.json.encode(
    {
        "kind": "ClusterInformation",
        "apiVersion": API_VERSION,
        "metadata": {"name": "default"},
        "spec": {"datastoreReady": True},
    }
)


class Reading(msgspec.Struct, frozen=True):
    """One file as it was found: its bytes, or why it could not be read, or neither if it was left alone."""

    real_path: str  # where its bytes are, links resolved
    data: bytes | None = None
    reason: str | None = None
    status: os.stat_result | None = None  # just before its bytes were read

    @property
    def left_alone(self) -> bool:
        """Whether what is known of the file stays as it is."""
        return self.data is None and self.reason is None


class _File(msgspec.Struct, frozen=True):
    """The last bytes seen, the last good content, and what is wrong with the file now."""

    data: bytes | None = None
    content: FileContent = FileContent()
    problem: Problem | None = None


class _Place(msgspec.Struct, frozen=True):
    """Where an object stands, and as what."""

    file: str
    value: bytes


class View(msgspec.Struct, frozen=True):
    """All entries and problems, and for each entry the files that it stands in, of which the first one counts."""

    entries: Mapping[str, bytes] = {}
    problems: tuple[Problem, ...] = ()
    sources: Mapping[str, tuple[str, ...]] = {}

    def changes_from(self, old: View) -> tuple[tuple[str, bytes | None], ...]:
        """The changes that lead from an older view to this one."""
        gone = [(path, None) for path in old.entries if path not in self.entries]
        new = [(path, value) for path, value in self.entries.items() if old.entries.get(path) != value]
        return (*gone, *new)


class Tree:
    """The files of a directory, by path.

    Of several files with one object the one in force stays in force as long as it holds the object, so that a file
    that is added cannot replace policy; of those that are found at once the first by name counts.
    """

    def __init__(self) -> None:
        self._files: dict[str, _File] = {}
        self._in_force: dict[str, str] = {}  # the file that counts for each object's path

    def update(self, readings: Mapping[str, Reading]) -> View:
        """Take what was read; a file that is not among it is gone, unless its directory could not be listed."""
        closed = tuple(f"{path}/" for path, reading in readings.items() if reading.reason is not None)
        files = {path: state for path, state in self._files.items() if path.startswith(closed)}
        good = [path for path, state in files.items() if state.content != FileContent()]
        keeping = {str(directory) for path in good for directory in PurePath(path).parents}
        for path, reading in readings.items():
            old = self._files.get(path, _File())
            files[path] = _revise(path, old, reading, keeping=path in keeping)
        self._files = dict(sorted(files.items()))
        return self._view()

    @property
    def unusable(self) -> Problem | None:
        """The first file that cannot be read or understood now, and so may hold any object."""
        return next((state.problem for state in self._files.values() if state.problem is not None), None)

    def content(self, file: str) -> FileContent:
        """The last good content of a file."""
        return self._files[file].content

    def _view(self) -> View:
        places: dict[str, list[_Place]] = {}
        problems: list[Problem] = []
        for file, state in self._files.items():
            if state.problem is not None:
                problems.append(state.problem)
            problems.extend(state.content.problems)
            for document in state.content.documents:
                places.setdefault(document.path, []).append(_Place(file, document.value))
        for path, found in places.items():
            if len(found) > 1:
                found.sort(key=lambda place: place.file != self._in_force.get(path))
                problems.extend(_double(path, found[0].file, other.file) for other in found[1:])
        self._in_force = {path: found[0].file for path, found in places.items()}
        entries = {path: found[0].value for path, found in places.items()}
        if entries:  # an empty directory is rather one that is not mounted than the wish for no policy at all
            entries.setdefault(READY_PATH, READY)
        sources = {path: tuple(place.file for place in found) for path, found in places.items()}
        return View(entries, tuple(problems), sources)


def _revise(path: str, old: _File, reading: Reading, *, keeping: bool) -> _File:
    """What is known of a file after a reading; ``keeping``: it is a directory of which files stay as they were."""
    keeping = keeping or old.content != FileContent()
    if reading.reason is not None:
        return _File(None, old.content, _problem(path, reading.reason, keeping=keeping))
    if reading.data is None or reading.data == old.data:
        return old
    try:
        return _File(reading.data, parse_file(path, reading.data))
    except FileError as error:
        reason = str(error)
    except Exception as error:  # noqa: BLE001 - one file must not stop the store, whatever is in it
        reason = f"internal error while reading it: {error!r}."
    return _File(reading.data, old.content, _problem(path, reason, keeping=keeping))


def _problem(path: str, reason: str, *, keeping: bool) -> Problem:
    problem = Problem(path, f"file {path}", (reason,))
    return structs.replace(problem, consequence="keeping its last good content") if keeping else problem


def _double(path: str, first: str, second: str) -> Problem:
    name = path.removeprefix(V3_ROOT)
    where = f"twice in {first}" if first == second else f"both in {first} and in {second}"
    reason = f"it stands {where}. Remove one of them."
    return Problem(second, f"object {name}", (reason,), consequence=f"using that of {first}")
