"""Tells whoever asks whether the agent is well: over HTTP where the configuration says, and over a local socket always.

Over HTTP, ``/healthz`` (or ``/liveness``, the old name) answers 200 while the agent is alive, ``/readyz`` (or
``/readiness``) while the kernel holds what it should, both 503 else, with the judgement as JSON. The local socket lies
in the directory that only root can enter; who connects gets the judgement and need not say anything. The kernel is
looked at for each answer, unless that was done a moment ago or nothing can have changed since; enforcement never waits
for it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from concurrent.futures import CancelledError
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec
from msgspec.structs import replace

from catflap.agent.config import Configuration
from catflap.agent.health import Health, hanging
from catflap.agent.lock import LOCK_DIRECTORY, NAMESPACE
from catflap.agent.serving import Address, Serving

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment

log = logging.getLogger(__name__)

FRESH: Final = 5.0  # seconds that a look at the kernel may be old
ANSWER: Final = 5.0  # seconds that a look at the kernel has for its end, and the event loop for an answer
OLD: Final = 60.0  # seconds after which a look counts no more where another one does not end

_ALIVE, _READY = ("/healthz", "/liveness"), ("/readyz", "/readiness")


def health_socket(directory: Path = LOCK_DIRECTORY) -> Path:
    """The local socket of the agent of this network namespace."""
    return directory / f"health-{NAMESPACE.stat().st_ino}.sock"


class HealthServer:
    """Answers until cancelled.

    Args:
        look: looks at the kernel if it was not looked at for so many seconds, and returns then.
        judge: the judgement at this moment.
        path: of the local socket; None for none.
    """

    def __init__(
        self,
        look: Callable[[float], Awaitable[None]],
        judge: Callable[[], Health],
        path: Path | None = None,
    ) -> None:
        self._look, self._judge = look, judge
        self._path = path
        self._loop = asyncio.get_running_loop()
        self._serving = Serving("health", "HealthHost or HealthPort", lambda: self._application)

    def configure(self, configuration: Configuration) -> None:
        """Begin, end or move what is served over HTTP, soon."""
        address = Address(configuration["HealthHost"], configuration["HealthPort"])
        self._serving.want(address if configuration["HealthEnabled"] else None)

    async def run(self) -> None:
        """Serve until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._serving.run())
            if self._path is not None:
                tasks.create_task(self._serve_locally(self._path))

    async def health(self) -> Health:
        """The judgement after a look at the kernel."""
        if self._judge().revision_enforced is None:
            return self._judge()  # nothing to compare with
        try:
            async with asyncio.timeout(ANSWER):
                await self._look(FRESH)
        except TimeoutError:
            return _unseen(self._judge())
        return self._judge()

    async def _serve_locally(self, path: Path) -> None:
        try:
            _free(path)
            server = await asyncio.start_unix_server(self._answer_locally, path)
        except OSError as error:
            log.warning("No answers to 'catflap health': cannot make %s: %s", path, error.strerror or error)
            return
        try:
            async with server:
                await server.serve_forever()
        finally:
            _free(path)

    async def _answer_locally(self, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            writer.write(msgspec.json.encode(await self.health()))
            await writer.drain()
        writer.close()

    def _application(self, environment: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        """Answer one request, in a thread: somebody must say that the event loop gives no answer."""
        path = environment.get("PATH_INFO", "")
        if path not in (*_ALIVE, *_READY):
            start("404 Not Found", [("Content-Type", "text/plain")])
            return [b"/healthz or /readyz\n"]
        health = self._ask(self._judged() if path in _ALIVE else self.health())
        good = health.alive if path in _ALIVE else health.ready
        start("200 OK" if good else "503 Service Unavailable", [("Content-Type", "application/json")])
        return [msgspec.json.format(msgspec.json.encode(health)), b"\n"]

    async def _judged(self) -> Health:
        return self._judge()

    def _ask(self, question: Coroutine[Any, Any, Health]) -> Health:
        """Have the event loop answer, if it does."""
        asked = asyncio.run_coroutine_threadsafe(question, self._loop)
        try:
            return asked.result(2 * ANSWER)
        except (TimeoutError, CancelledError):
            asked.cancel()
            return hanging(2 * ANSWER)


def _free(path: Path) -> None:
    """Take a socket away: of an agent that was killed, or ours. The agent's lock says that there is no other one."""
    path.unlink(missing_ok=True)


def _unseen(health: Health) -> Health:
    """A look at the kernel has not ended in time: the one before counts if it was a moment ago."""
    seen = health.kernel_checked_seconds_ago
    if seen is not None and seen <= OLD:
        return health
    problem = f"a look at what the kernel holds has not ended within {ANSWER:g} s"
    return replace(health, ready=False, problems=(*health.problems, problem))
