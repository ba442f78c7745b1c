from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from catflap.agent import foreign
from catflap.agent.document import ForeignChain, ForeignReport
from catflap.agent.foreign import ForeignWatch

DROPS = ForeignReport(total=1, chains=(ForeignChain(title="ip filter INPUT"),))


@pytest.fixture(autouse=True)
def _fast(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(foreign, "INTERVAL", 0.001)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not condition():
            await asyncio.sleep(0.001)


async def test_it_looks_again_and_again_and_tells_of_changes_only() -> None:
    looks = [ForeignReport(), DROPS, DROPS, DROPS]
    changes: list[ForeignReport] = []
    begin = asyncio.Event()
    watch = ForeignWatch(
        lambda: looks.pop(0) if len(looks) > 1 else looks[0], begin, lambda: changes.append(watch.report)
    )
    task = asyncio.create_task(watch.run())
    await asyncio.sleep(0.01)
    assert watch.report == ForeignReport()
    assert len(looks) == 4
    begin.set()
    await until(lambda: len(looks) == 1)
    await until(lambda: bool(watch.report.chains))
    assert [each.total for each in changes] == [1]
    assert watch.report.looked_at is not None
    task.cancel()


async def test_a_look_that_hangs_holds_up_nothing() -> None:
    begin, release = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()

    def hang() -> ForeignReport:
        asyncio.run_coroutine_threadsafe(release.wait(), loop).result(5)
        return DROPS

    watch = ForeignWatch(hang, begin)
    task = asyncio.create_task(watch.run())
    begin.set()
    await asyncio.sleep(0.02)
    assert watch.report == ForeignReport()
    release.set()
    await until(lambda: bool(watch.report.chains))
    task.cancel()
