from __future__ import annotations

import asyncio

import pytest

from catflap.agent import side_work
from catflap.agent.side_work import keep_going, until


async def test_a_fault_is_logged_and_the_work_done_again(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(side_work, "PAUSE", 0.0)
    attempts = 0

    async def work() -> None:
        nonlocal attempts
        attempts += 1
        if attempts < 3:
            raise RuntimeError("fault")

    await asyncio.wait_for(keep_going("telling", work), 5)
    assert attempts == 3
    assert sum("Internal error while telling; enforcement goes on" in text for text in caplog.messages) == 2


async def test_work_ends_with_the_event() -> None:
    event, ended = asyncio.Event(), asyncio.Event()

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    waiting = asyncio.create_task(until(event, work()))
    await asyncio.sleep(0)
    event.set()
    await asyncio.wait_for(waiting, 5)
    assert ended.is_set()


async def test_work_that_ends_early_is_not_done_again() -> None:
    event = asyncio.Event()
    count = 0

    async def work() -> None:
        nonlocal count
        count += 1

    waiting = asyncio.create_task(until(event, work()))
    for _ in range(5):
        await asyncio.sleep(0)
    assert not waiting.done()
    event.set()
    await asyncio.wait_for(waiting, 5)
    assert count == 1
