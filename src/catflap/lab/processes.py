"""Ends the processes inside network namespaces of the lab, and only those.

A process is signalled through a descriptor that was opened before its namespace was looked at, so a number that is
used again in between can never hit a stranger.
"""

from __future__ import annotations

import os
import select
import signal
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

_PROC: Final = Path("/proc")


def processes_inside(namespaces: Iterable[Path]) -> list[int]:
    """The processes, other than this one, whose network namespace is one of these files."""
    wanted = {_identity(path) for path in namespaces}
    numbers = (int(entry.name) for entry in _PROC.iterdir() if entry.name.isdecimal())
    return [pid for pid in numbers if pid != os.getpid() and _namespace_of(pid) in wanted]


def kill_inside(namespaces: Iterable[Path], *, timeout: float = 5.0) -> list[int]:
    """Kill these processes and wait until they are gone.

    Returns:
        The processes that were killed.

    Raises:
        ValueError: One of the namespaces is the one that this process is in.
        TimeoutError: Some did not end within ``timeout`` seconds.
    """
    paths = list(namespaces)
    if _namespace_of(os.getpid()) in {_identity(path) for path in paths}:
        raise ValueError("this process is in the network namespace to be cleared: leave it first")
    deadline = time.monotonic() + timeout
    killed: list[int] = []
    while found := processes_inside(paths):
        if time.monotonic() > deadline:
            raise TimeoutError(f"processes {found} do not end: look at them with `ps`, and end them by hand")
        killed += [pid for pid in found if _kill(pid, paths, deadline)]
    return killed


def _kill(pid: int, paths: list[Path], deadline: float) -> bool:
    """Kill one process if it is (still) inside, and wait for its end."""
    with suppress(ProcessLookupError):
        descriptor = os.pidfd_open(pid)
        try:
            if _namespace_of(pid) not in {_identity(path) for path in paths}:
                return False
            signal.pidfd_send_signal(descriptor, signal.SIGKILL)
            select.select([descriptor], [], [], max(0.0, deadline - time.monotonic()))
            return True
        finally:
            os.close(descriptor)
    return False


def _namespace_of(pid: int) -> tuple[int, int] | None:
    """None for a process that has ended or that belongs to the kernel."""
    with suppress(OSError):
        return _identity(_PROC / str(pid) / "ns" / "net")
    return None


def _identity(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_dev, status.st_ino
