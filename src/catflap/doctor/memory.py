"""A host that exists only in memory, for tests and for whoever wants to ask the doctor about a recorded host."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath

from catflap.doctor.port import Process, ProgramError, ProgramMissingError


class MemoryHost:
    """See `Host`.

    Args:
        programs: what a command prints, or how it fails, by the command as one line. Each program that occurs is
            installed; a command of such a program that is not listed fails.
        files: texts by path.
        running: the processes.
        library: why libnftables cannot be used.
    """

    def __init__(
        self,
        programs: Mapping[str, str | ProgramError] | None = None,
        files: Mapping[str, str] | None = None,
        running: Sequence[Process] = (),
        library: str = "",
    ) -> None:
        self.programs = dict(programs or {})
        self.files = dict(files or {})
        self.running = list(running)
        self.library = library
        self.ran: list[tuple[str, str]] = []

    def run(self, *command: str, stdin: str = "") -> str:
        """See `Host.run`. ``ran`` keeps what was started, and with which input."""
        line = " ".join(command)
        self.ran.append((line, stdin))
        if line not in self.programs:
            if any(each.split(" ")[0] == command[0] for each in self.programs):
                raise ProgramError(f"{command[0]}: {line} failed")
            raise ProgramMissingError(f"the program {command[0]} is not installed")
        result = self.programs[line]
        if isinstance(result, ProgramError):
            raise result
        return result

    def read(self, path: str) -> str | None:
        """See `Host.read`."""
        return self.files.get(path)

    def names(self, directory: str) -> Sequence[str]:
        """See `Host.names`."""
        below = [PurePosixPath(path).parts for path in self.files]
        parts = PurePosixPath(directory).parts
        return sorted({path[len(parts)] for path in below if path[: len(parts)] == parts and path != parts})

    def processes(self) -> Sequence[Process]:
        """See `Host.processes`."""
        return self.running

    def library_failure(self) -> str:
        """See `Host.library_failure`."""
        return self.library
