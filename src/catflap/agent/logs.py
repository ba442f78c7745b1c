"""Log lines in the old system's format, to file, screen and syslog.

Administrators grep these lines, so one event is one line: what is not printable in a message is escaped, which also
keeps data from the store from forging lines or steering a terminal. A log that cannot be written never stops the agent.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import logging.handlers
import os
import sys
import threading
from io import FileIO, TextIOWrapper
from pathlib import Path

from catflap.agent.config import Configuration
from catflap.agent.parameter_values import LOG_LEVELS

FORMAT = "%(asctime)s [%(levelname)s][%(process)d/%(worker)s] %(name)s %(lineno)d: %(message)s"
SYSLOG_FORMAT = "catflap[%(process)d]: %(name)s@%(lineno)d %(message)s"
SYSLOG_SOCKET = Path("/dev/log")

log = logging.getLogger(__name__)


class OneLineFormatter(logging.Formatter):
    """The format above, with line breaks and the like escaped in the message (tracebacks keep theirs)."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802  # the standard library's name
        """Format one record, after naming the worker that wrote it."""
        record.worker = _worker()
        record.message = "".join(map(_printable, record.message))
        return super().formatMessage(record)


def _printable(character: str) -> str:
    return character if character.isprintable() else character.encode("unicode_escape").decode("ascii")


class LogFile(logging.handlers.WatchedFileHandler):
    """A file that is opened anew when a rotation has moved it away; what it cannot take goes to stderr."""

    def _open(self) -> TextIOWrapper:
        """Open without waiting: a pipe without a reader must not hold up the agent."""

        def opener(path: str, flags: int) -> int:
            return os.open(path, flags | os.O_NONBLOCK, 0o640)

        return TextIOWrapper(
            FileIO(self.baseFilename, self.mode, opener=opener),
            encoding=self.encoding,
            errors=self.errors,
            write_through=True,
        )

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record; the standard library lets the errors of opening anew through to whoever logs."""
        try:
            super().emit(record)
        except OSError:
            self.handleError(record)

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802  # the standard library's name
        """Say it on stderr: the disk is full, or the directory was removed."""
        error = sys.exception()
        if not isinstance(error, OSError):
            super().handleError(record)
            return
        with contextlib.suppress(OSError):
            sys.stderr.write(f"{self.format(record)} (not in {self.baseFilename}: {error.strerror})\n")


def _worker() -> str:
    """The number of the asyncio task that logs, or of the thread outside of tasks."""
    try:
        task = asyncio.current_task()
    except RuntimeError:
        task = None
    name = task.get_name() if task is not None else threading.current_thread().name
    return name.rpartition("-")[2] if name[-1:].isdigit() else name


class Logs:
    """The handlers in force. `configure` may be called again at any time."""

    def __init__(self) -> None:
        self._handlers: list[logging.Handler] = []

    def configure(self, configuration: Configuration) -> None:
        """Log where and from which severity the configuration says."""
        old, self._handlers = self._handlers, []
        problem = self._add_file(configuration["LogFilePath"], configuration["LogSeverityFile"])
        # What the file cannot take goes to the screen, so that nothing is lost.
        screen = configuration["LogSeverityFile" if problem else "LogSeverityScreen"]
        self._add(logging.StreamHandler(sys.stderr), screen, FORMAT)
        if SYSLOG_SOCKET.exists():
            self._add_syslog(configuration["LogSeveritySys"])
        root = logging.getLogger()
        for handler in old:
            root.removeHandler(handler)
            handler.close()
        for handler in self._handlers:
            root.addHandler(handler)
        root.setLevel(min((handler.level for handler in self._handlers), default=logging.CRITICAL))
        if problem:
            log.error(problem)

    def _add_file(self, path: str | None, severity: str) -> str | None:
        if path is None:
            return None
        try:
            Path(path).parent.mkdir(parents=True, exist_ok=True)
            handler = LogFile(path, encoding="utf-8", errors="backslashreplace")
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or error
            return f"Cannot write the log file {path}: {reason}; change LogFilePath, or free the path"
        self._add(handler, severity, FORMAT)
        return None

    def _add_syslog(self, severity: str) -> None:
        try:
            handler = logging.handlers.SysLogHandler(str(SYSLOG_SOCKET))
        except OSError:
            return  # nobody listens: a container, or a host without syslog
        self._add(handler, severity, SYSLOG_FORMAT)

    def _add(self, handler: logging.Handler, severity: str, text: str) -> None:
        level = LOG_LEVELS[severity]
        if level is None:
            handler.close()
            return
        handler.setLevel(level)
        handler.setFormatter(OneLineFormatter(text))
        self._handlers.append(handler)
