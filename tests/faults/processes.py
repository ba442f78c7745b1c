"""The two processes of a scene as seen by its test: the writer that goes on through every fault, and the follower."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import pickle
import re
import signal
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, Self

import msgspec
from tests.faults.judge import Judge
from tests.faults.told import LENGTH, Told
from tests.faults.writer import Acknowledged, Work

from catflap.store.api import StoreOptions

REPOSITORY: Final = Path(__file__).parents[2]
GUARD: Final = ("setpriv", "--pdeathsig", "KILL", "--")
FOLLOWING: Final = re.compile(r"Following the store through (\S+)")
NO_OPTIONS: Final = StoreOptions()
PATIENCE: Final = 30.0  # seconds


class Child(ABC):
    """A Python module run as a process; as an asynchronous context manager it is started, and killed at the end."""

    def __init__(self, module: str, arguments: Sequence[str], prefix: Sequence[str]) -> None:
        self._command = (*prefix, *GUARD, sys.executable, "-m", module, *arguments)
        self._heard = asyncio.Condition()

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    async def until(self, reached: Callable[[], bool], seconds: float, what: str) -> float:
        """Wait until something holds that the process tells of; returns how long that took.

        Raises:
            AssertionError: it does not in time.
        """
        begun = time.monotonic()
        try:
            async with asyncio.timeout(seconds), self._heard:
                await self._heard.wait_for(lambda: self._readers[0].done() or reached())
        except TimeoutError:
            raise AssertionError(f"not in {seconds:g} s: {what}; {self.state()}") from None
        if not reached():
            await self._process.wait()
            raise AssertionError(f"ended before {what}: {self.state()}") from self._readers[0].exception()
        return time.monotonic() - begun

    def state(self) -> str:
        """What to tell when it does not do what it should."""
        status = self._process.returncode
        errors = self._readers[1]
        said = errors.result().decode(errors="replace")[-2000:] if errors.done() else ""
        return f"process {self.pid} {'lives' if status is None else f'ended with status {status}'}: {said}"

    def send_signal(self, number: signal.Signals) -> None:
        """Send it a signal."""
        os.kill(self.pid, number)

    async def __aenter__(self) -> Self:
        self._process = await asyncio.create_subprocess_exec(
            *self._command,
            cwd=REPOSITORY,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        assert self._process.stdout is not None
        assert self._process.stderr is not None
        self._readers = (
            asyncio.create_task(self._listen(self._process.stdout)),
            asyncio.create_task(self._process.stderr.read()),
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()
        await self._process.wait()
        await asyncio.wait(self._readers)

    async def _listen(self, stream: asyncio.StreamReader) -> None:
        """Ends with the process, or with an error that the next `until` raises."""
        try:
            while await self._hear(stream):
                async with self._heard:
                    self._heard.notify_all()
        except asyncio.IncompleteReadError:
            return
        finally:
            async with self._heard:
                self._heard.notify_all()

    @abstractmethod
    async def _hear(self, stream: asyncio.StreamReader) -> bool:
        """Read one message, and whether there may be another one."""


class WriterProcess(Child):
    """The writer; ``acknowledged`` are its writes that were."""

    def __init__(self, work: Work, prefix: Sequence[str] = ()) -> None:
        super().__init__("tests.faults.writer", [msgspec.json.encode(work).decode()], prefix)
        self.acknowledged: list[Acknowledged] = []

    async def stop(self) -> None:
        """Let it finish its last write and end."""
        with contextlib.suppress(ProcessLookupError):
            self._process.terminate()
        await self._process.wait()
        await asyncio.wait(self._readers)

    def longest_gap(self, since: float, until: float) -> float:
        """The longest time in which no write was acknowledged."""
        times = [since, *(write.at for write in self.acknowledged if since <= write.at <= until), until]
        return max(later - earlier for earlier, later in itertools.pairwise(times))

    async def _hear(self, stream: asyncio.StreamReader) -> bool:
        line = await stream.readline()
        if line:
            self.acknowledged.append(msgspec.json.decode(line, type=Acknowledged))
        return bool(line)


class FollowerProcess(Child):
    """The product's client of ``url``; what it tells goes to ``judge``."""

    def __init__(
        self, url: str, judge: Judge, options: StoreOptions = NO_OPTIONS, prefix: Sequence[str] = ()
    ) -> None:
        super().__init__("tests.faults.following", [url, msgspec.json.encode(options).decode()], prefix)
        self.judge = judge
        self.log: list[tuple[float, str]] = []

    async def endpoint(self) -> str:
        """The member that it follows the store through, by its log."""

        def found() -> list[str]:
            return [match[1] for _, line in self.log if (match := FOLLOWING.search(line))]

        await self.until(lambda: bool(found()), PATIENCE, "a line of the log names the member")
        return found()[-1]

    def first_logged(self, words: str, since: float) -> float | None:
        """When it first logged something after ``since``."""
        return next((at for at, line in self.log if at >= since and words in line), None)

    def state(self) -> str:
        """What to tell when it does not do what it should."""
        lines = "\n".join(line for _, line in self.log[-15:])
        return f"{super().state()}; lost: {self.judge.reasons()[-3:]}; log:\n{lines}"

    async def _hear(self, stream: asyncio.StreamReader) -> bool:
        (length,) = LENGTH.unpack(await stream.readexactly(LENGTH.size))
        told = pickle.loads(await stream.readexactly(length))  # noqa: S301 - from our own process
        assert isinstance(told, Told)
        if told.event is not None:
            self.judge.take(told.at, told.event)
        if told.log is not None:
            self.log.append((told.at, told.log))
        return True
