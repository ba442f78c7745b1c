"""One fault: a writer, a follower, what is done to them, and the judgement."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack, nullcontext
from typing import Final, Self

import msgspec
from msgspec import structs
from tests.faults.etcd_http import Access, EtcdHttp, UnansweredError
from tests.faults.judge import Judge
from tests.faults.processes import NO_OPTIONS, PATIENCE, FollowerProcess, WriterProcess
from tests.faults.writer import Work

from catflap.lab.namespaces import Namespace
from catflap.store.api import Disconnected, Snapshot, StoreOptions

BACKSLASH: Final = "backslashreplace"


class Row(msgspec.Struct, kw_only=True):
    """What was measured: the longest times in which no write was acknowledged, and in which one that was acknowledged
    was not in the model (both in seconds); how many writes were acknowledged; and ``EQUAL``, if all promises were kept.
    """

    away: float = 0.0
    behind: float = 0.0
    revisions: int = 0
    verdict: str = "FAIL"


class Scene:
    """As an asynchronous context manager it starts writer and follower, and after a test without error it judges.

    Args:
        url: the store to follow.
        access: how the writer gets at the same etcd.
        row: where to put what was measured.
        work: what the writer writes; its access is replaced. None: nobody writes.
        options: the follower's credentials.
        prefixes: what to put before the commands of the follower and the writer.
        truth: the namespace that the store is read from in the end; this one if None.
    """

    def __init__(
        self,
        url: str,
        access: Access,
        row: Row,
        *,
        work: Work | None,
        options: StoreOptions = NO_OPTIONS,
        prefixes: tuple[Sequence[str], Sequence[str]] = ((), ()),
        truth: Namespace | None = None,
    ) -> None:
        self.api = 2 if url.startswith("etcd2") else 3
        self.access = access
        self.judge = Judge(whole=self.api == 3)
        self.follower = FollowerProcess(url, self.judge, options, prefixes[0])
        wanted = work or Work(access=access)
        self.writer = WriterProcess(structs.replace(wanted, access=access, api=self.api), prefixes[1])
        self.http = EtcdHttp(access, timeout=10.0)
        self.row = row
        self._truth = truth
        self._writes = work is not None
        self._stack = AsyncExitStack()
        self._struck = 0.0

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            stack.callback(self.http.close)
            await stack.enter_async_context(self.follower)
            if self._writes:
                await stack.enter_async_context(self.writer)
                await self.flowing()
            else:
                await self.follower.until(lambda: bool(self.judge.events), PATIENCE, "a first event")
            self._stack = stack.pop_all()
        return self

    async def __aexit__(self, kind: type[BaseException] | None, *_: object) -> None:
        async with self._stack:
            if kind is None:
                await self._judge()
            else:
                print(self.follower.state())  # noqa: T201 - pytest shows it with the error

    def strike(self, *actions: Callable[[], object]) -> float:
        """Do the fault, and return when."""
        self._struck = time.monotonic()
        for action in actions:
            action()
        return self._struck

    async def flowing(self, seconds: float = PATIENCE, writes: int = 20) -> float:
        """Wait until so many writes from now on are acknowledged and the model shows them; returns after how long."""
        begun = time.monotonic()
        before = len(self.writer.acknowledged)

        def reached() -> bool:
            new = self.writer.acknowledged[before:]
            shown = self.judge.shown[-1].number if self.judge.shown else 0
            return len(new) >= writes and new[writes - 1].number <= shown

        await self.follower.until(reached, seconds, "the model shows what is written")
        return time.monotonic() - begun

    async def noticed(self, seconds: float) -> float:
        """Wait until the follower has noticed the fault; returns after how long it had."""

        def moments() -> list[float]:
            found = (
                self.judge.first(Disconnected, self._struck),
                self.follower.first_logged("Lost the store", self._struck),
            )
            return [at for at in found if at is not None]

        await self.follower.until(lambda: bool(moments()), seconds, "the fault is noticed")
        return min(moments()) - self._struck

    @property
    def snapshots(self) -> int:
        """How many snapshots came after the first."""
        return self.judge.count(Snapshot) - 1

    async def settled(self) -> None:
        """Stop the writer and wait until the model is what the store holds.

        Raises:
            AssertionError: it does not become that.
        """
        if self._writes:
            await self.writer.stop()
        deadline = time.monotonic() + PATIENCE
        while (difference := await asyncio.to_thread(self._difference)) and time.monotonic() < deadline:
            await asyncio.sleep(0.05)
        assert not difference, f"{difference}; {self.follower.state()}"

    def _difference(self) -> str:
        try:
            with self._truth.entered() if self._truth else nullcontext():
                stored = self.http.read2() if self.api == 2 else self.http.read()
        except UnansweredError as error:
            return str(error)
        wanted = {key.decode("utf-8", BACKSLASH): value for key, value in stored.items()}
        model = self.judge.model
        missing, excess = sorted(wanted.keys() - model.keys()), sorted(model.keys() - wanted.keys())
        other = sorted(path for path in wanted.keys() & model.keys() if wanted[path] != model[path])
        parts = (("missing", missing), ("too much", excess), ("other value", other))
        return "; ".join(f"{len(paths)} {word} such as {paths[0]}" for word, paths in parts if paths)

    async def _judge(self) -> None:
        ended = time.monotonic()
        await self.settled()
        since = self._struck
        if self._writes:
            self.row.away = self.writer.longest_gap(since, ended)
            self.row.behind = self.row.behind or self.judge.longest_lag(self.writer.acknowledged, since)
            self.row.revisions = len(self.writer.acknowledged)
        errors = [line for _, line in self.follower.log if "Internal error" in line]
        broken = self.judge.verdict(self.writer.acknowledged)
        assert not broken, broken
        assert not errors, errors
        self.row.verdict = "EQUAL"
