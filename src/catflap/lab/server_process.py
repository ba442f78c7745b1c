"""A server program of the lab: launched, watched through its log, signalled, and dead when its starter is.

It must never signal anything but the very process that it launched.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Final, Self

STOP_TIMEOUT: Final = 5.0  # seconds until a process that does not obey SIGTERM is killed
POLL_INTERVAL: Final = 0.01

# setpriv's setting outlives exec, and unlike preexec_fn it is safe where threads run (gRPC has some).
_GUARD: Final = ("setpriv", "--pdeathsig", "KILL", "--")


class ServerError(RuntimeError):
    """A server of the lab could not be started. The text has what it printed."""


class Server(ABC):
    """What serves for the length of a block: started on entering it, closed in the end or when it does not start."""

    @abstractmethod
    def start(self) -> None:
        """Start, and wait until it serves."""

    @abstractmethod
    def close(self) -> None:
        """End it, and remove what it has left."""

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class ServerProcess:
    """One server that can be launched again and again.

    Args:
        name: what error messages call it.
        log_file: where its output goes; each launch begins it anew.
        prefix: runs the command somewhere else, such as ``["ip", "netns", "exec", "blue"]``; the program must
            replace itself with the command, as that one does.
    """

    def __init__(self, name: str, log_file: Path, prefix: Sequence[str] = ()) -> None:
        self.name = name
        self._log_file = log_file
        self._prefix = tuple(prefix)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """The process id, None while it does not run."""
        return self._process.pid if self._process is not None and self.running else None

    @property
    def running(self) -> bool:
        """Whether the process lives."""
        return self._process is not None and self._process.poll() is None

    def launch(self, command: Sequence[str]) -> None:
        """Start the program, and do not wait.

        Raises:
            ServerError: it runs already, or cannot be started.
        """
        if self.running:
            raise ServerError(f"{self.name} is running already")
        with self._log_file.open("wb") as log:
            try:
                self._process = subprocess.Popen(
                    [*self._prefix, *_GUARD, *command],
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                )
            except OSError as error:
                raise ServerError(
                    f"cannot start {self.name} (install etcd-server and util-linux): {error}"
                ) from error

    def wait_until_logged(self, words: bytes, timeout: float) -> None:
        """Wait until it has told something. Asked over the network, a stranger on its port could answer.

        Raises:
            ServerError: the process ended, or has not told it in time.
        """
        deadline = time.monotonic() + timeout
        while words not in self._log_file.read_bytes():
            if not self.running:
                raise ServerError(f"{self.name} ended while starting:\n{self.log_tail()}")
            if time.monotonic() > deadline:
                raise ServerError(f"{self.name} does not serve:\n{self.log_tail()}")
            time.sleep(POLL_INTERVAL)

    def stop(self) -> None:
        """End it in good order (SIGTERM)."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End it as a crash would (SIGKILL)."""
        self._end(signal.SIGKILL)

    def freeze(self) -> None:
        """Keep it from doing anything while its connections stay (SIGSTOP); returns when it has stopped."""
        self._signal(signal.SIGSTOP)
        if self.pid is not None:
            os.waitid(os.P_PID, self.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)

    def thaw(self) -> None:
        """Let a frozen process go on."""
        self._signal(signal.SIGCONT)

    def log_tail(self, lines: int = 10) -> str:
        """The last lines of its output."""
        return "\n".join(self._log_file.read_text(errors="replace").splitlines()[-lines:])

    def _signal(self, number: signal.Signals) -> None:
        if self._process is not None and self.running:
            self._process.send_signal(number)

    def _end(self, number: signal.Signals) -> None:
        if self._process is None:
            return
        self._signal(number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(STOP_TIMEOUT)
        self._signal(signal.SIGKILL)
        self._process.wait()
        self._process = None
