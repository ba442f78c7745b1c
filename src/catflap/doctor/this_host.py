"""The host that this process runs on, in the network namespace that it is in.

Whatever hangs or crashes while other people's rule sets are read is a program of its own, with a limit of time.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from catflap.doctor.port import Process, ProgramError, ProgramMissingError
from catflap.nft.libnftables import LibNftables
from catflap.nft.port import NftError

TIME_LIMIT: Final = 10.0  # seconds for one program
_MAX_REASON: Final = 300  # characters of what a program says of its failure
_PATH: Final = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class ThisHost:
    """See `Host`.

    Args:
        time_limit: seconds that a program may take.
    """

    def __init__(self, time_limit: float = TIME_LIMIT) -> None:
        self._time_limit = time_limit

    def run(self, *command: str, stdin: str = "") -> str:
        """See `Host.run`."""
        try:
            done = subprocess.run(
                command,
                input=stdin.encode(),
                capture_output=True,
                check=True,
                timeout=self._time_limit,
                env={"PATH": _PATH, "LC_ALL": "C"},
            )
        except FileNotFoundError:
            raise ProgramMissingError(f"the program {command[0]} is not installed") from None
        except subprocess.TimeoutExpired:
            raise ProgramError(f"{command[0]} did not end within {self._time_limit:g} s") from None
        except subprocess.CalledProcessError as error:
            raise ProgramError(_reason(error)) from None
        except OSError as error:
            raise ProgramError(f"{command[0]} cannot be started: {error.strerror}") from None
        return done.stdout.decode(errors="replace")

    def read(self, path: str) -> str | None:
        """See `Host.read`."""
        try:
            return Path(path).read_text(encoding="utf-8", errors="replace")
        except OSError:
            return None

    def names(self, directory: str) -> Sequence[str]:
        """See `Host.names`."""
        try:
            return sorted(os.listdir(directory))  # noqa: PTH208  # names are asked for, not paths
        except OSError:
            return []

    def processes(self) -> Sequence[Process]:
        """See `Host.processes`."""
        own = _namespace("self")
        return list(_processes(own)) if own else []

    def library_failure(self) -> str:
        """See `Host.library_failure`."""
        try:
            LibNftables().close()
        except NftError as error:
            return str(error)
        return ""


def _reason(error: subprocess.CalledProcessError) -> str:
    said = "; ".join(error.stderr.decode(errors="replace").strip().splitlines())
    if error.returncode < 0:
        said = f"it was ended by signal {-error.returncode}"
    return f"{error.cmd[0]}: {said[:_MAX_REASON] or f'exit status {error.returncode}'}"


def _processes(namespace: str) -> Iterator[Process]:
    for name in os.listdir("/proc"):  # noqa: PTH208  # names are asked for, not paths
        if not name.isdecimal() or _namespace(name) != namespace:
            continue
        try:
            command = Path("/proc", name, "cmdline").read_bytes()
        except OSError:  # it has ended
            continue
        if command:
            words = command.rstrip(b"\0").decode(errors="replace").split("\0")
            yield Process(int(name), tuple(words))


def _namespace(process: str) -> str:
    """The network namespace of a process; empty for one that has ended, or that may not be looked at."""
    try:
        return str(Path(f"/proc/{process}/ns/net").readlink())
    except OSError:
        return ""
