"""A real agent in a namespace of the lab: started as users start it, watched through its log."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from catflap.lab.namespaces import Namespace

DEFAULT_TIMEOUT: Final = 10.0  # seconds
POLL_INTERVAL: Final = 0.01  # seconds
END_TIMEOUT: Final = 5.0  # seconds


ENFORCED = re.compile(r"Enforcing on .*, store revision (\d+);")


class AgentError(RuntimeError):
    """The agent did not do what was waited for. The text ends with what it logged."""


class AgentProcess:
    """One ``catflap agent`` inside a namespace; as a context manager it is started, and ended with SIGTERM.

    Args:
        namespace: where it runs.
        log_file: where it logs, and what `wait_for` reads.
        environment: ``FELIX_…`` and other variables; nothing of this process's own environment is passed on.
        arguments: more of the command line, such as ``--once``.
    """

    def __init__(
        self,
        namespace: Namespace,
        log_file: Path,
        environment: Mapping[str, str],
        arguments: tuple[str, ...] = (),
    ) -> None:
        self._command = (*namespace.command_prefix, *catflap_command("agent", *arguments))
        self._environment = {
            "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
            "FELIX_LOGFILEPATH": str(log_file),
            **environment,
        }
        self._log_file = log_file
        self._read_from = 0
        self._process: subprocess.Popen[str] | None = None

    @property
    def pid(self) -> int:
        """The process id of the agent."""
        return self._started().pid

    def start(self) -> None:
        """Start it, and do not wait; `wait_for` then looks at what it logs from now on."""
        self.mark()
        # setpriv: the agent must not outlive a lab that is killed.
        command = ["setpriv", "--pdeathsig", "KILL", "--", *self._command]
        self._process = subprocess.Popen(
            command,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def mark(self) -> None:
        """Let `wait_for` and `log` look only at what is logged from now on."""
        self._read_from = self._log_file.stat().st_size if self._log_file.exists() else 0

    def log(self) -> str:
        """What has been logged since `start` or `mark`."""
        if not self._log_file.exists():
            return ""
        with self._log_file.open("rb") as file:
            file.seek(self._read_from)
            return file.read().decode(errors="replace")

    def wait_for(self, pattern: str, timeout: float = DEFAULT_TIMEOUT) -> re.Match[str]:
        """Wait until the log since `start` or `mark` matches a regular expression.

        Raises:
            AgentError: it does not in time, or the agent has ended.
        """
        deadline = time.monotonic() + timeout
        while True:
            ended = self._process is not None and self._process.poll() is not None
            if match := re.search(pattern, self.log()):
                return match
            if ended:
                status, stderr = self.wait()
                raise AgentError(f"the agent ended with exit status {status}:\n{self.log()}{stderr}")
            if time.monotonic() > deadline:
                raise AgentError(f"the agent did not log {pattern!r} in {timeout:g} s but:\n{self.log()}")
            time.sleep(POLL_INTERVAL)

    def wait_until_enforced(self, revision: int, timeout: float = DEFAULT_TIMEOUT) -> None:
        """Wait until it has logged, since `start` or `mark`, that it enforces this store revision or a later one.

        Only a revision that makes a difference to the kernel is logged.

        Raises:
            AgentError: as `wait_for`.
        """
        deadline = time.monotonic() + timeout
        while max(map(int, ENFORCED.findall(self.log())), default=-1) < revision:
            if time.monotonic() > deadline:
                raise AgentError(f"revision {revision} was not enforced in {timeout:g} s:\n{self.log()}")
            time.sleep(POLL_INTERVAL)

    def send_signal(self, number: signal.Signals) -> None:
        """Send it a signal."""
        self._started().send_signal(number)

    def wait(self, timeout: float = DEFAULT_TIMEOUT) -> tuple[int, str]:
        """Wait for its end; returns the exit status and what it wrote to stderr.

        Raises:
            AgentError: it does not end in time.
        """
        try:
            _, stderr = self._started().communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            raise AgentError(f"the agent did not end in {timeout:g} s:\n{self.log()}") from None
        return self._started().returncode, stderr

    def stop(self) -> None:
        """End it in good order (SIGTERM); what it enforces stays in force."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End it as a crash would (SIGKILL)."""
        self._end(signal.SIGKILL)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _end(self, number: signal.Signals) -> None:
        process = self._started()
        if process.poll() is None:
            process.send_signal(number)
        try:
            process.communicate(timeout=END_TIMEOUT)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            raise AgentError(f"the agent did not end on {number.name}:\n{self.log()}") from None

    def _started(self) -> subprocess.Popen[str]:
        if self._process is None:
            raise AgentError("the agent was not started")
        return self._process


def catflap_command(*arguments: str) -> tuple[str, ...]:
    """The command ``catflap`` of this very installation, with arguments."""
    return (sys.executable, "-m", "catflap", *arguments)
