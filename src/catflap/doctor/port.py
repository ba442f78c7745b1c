"""The port between the doctor and the host that it looks at: programs, files, processes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import msgspec


class ProgramError(Exception):
    """A program failed or did not end in time. The text says why."""


class ProgramMissingError(ProgramError):
    """The program is not installed."""


class Process(msgspec.Struct, frozen=True):
    """A process in the network namespace that is looked at."""

    pid: int
    command: tuple[str, ...]


class Host(Protocol):
    """A host, as far as the doctor looks at it."""

    def run(self, *command: str, stdin: str = "") -> str:
        """What a program prints, within a limit of time. It is started from a list, never through a shell.

        Raises:
            ProgramMissingError: it is not installed.
            ProgramError: it failed or did not end in time.
        """

    def read(self, path: str) -> str | None:
        """The text of a file; None where there is none, or none that may be read."""

    def names(self, directory: str) -> Sequence[str]:
        """What is in a directory, sorted; nothing where there is none."""

    def processes(self) -> Sequence[Process]:
        """The processes in the network namespace of this one, as far as they may be looked at."""

    def library_failure(self) -> str:
        """Why libnftables cannot be used; empty where it can."""
