"""Reading the files that a command is given: by name, below directories, from standard input. Nothing is written."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

from catflap.cli.common import CommandError, Exit
from catflap.store.directory.documents import SUFFIXES
from catflap.store.directory.scan import read, scan
from catflap.store.directory.tree import Reading

STDIN = "-"
_STDIN_NAME = "<stdin>"


def read_paths(paths: Iterable[str]) -> dict[str, Reading]:
    """Read files, all policy files below directories, and for ``-`` standard input; each once, by its name.

    Raises:
        CommandError: a path does not exist, or a directory holds no policy file or cannot be listed.
    """
    readings: dict[str, Reading] = {}
    for path in paths:
        readings.update(_readings(path))
    return readings


def _readings(path: str) -> Mapping[str, Reading]:
    if path == STDIN:
        return {_STDIN_NAME: Reading(_STDIN_NAME, sys.stdin.buffer.read())}
    if Path(path).is_dir():
        return _below(path)
    if not Path(path).exists():
        raise CommandError(f"{path} does not exist: name policy files, or directories of them", Exit.USAGE)
    return {path: read(path, os.path.realpath(path))}


def _below(directory: str) -> Mapping[str, Reading]:
    try:
        found = scan(directory)
    except OSError as error:
        raise CommandError(f"cannot read the directory {directory}: {error.strerror}", Exit.USAGE) from None
    if not found:
        raise CommandError(f"{directory} holds no policy file (*{', *'.join(SUFFIXES)})", Exit.USAGE)
    return found
