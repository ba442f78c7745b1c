from __future__ import annotations

import asyncio
import time

from catflap.agent.slices import PART, SLICE, in_slices


async def test_everything_comes_in_its_order() -> None:
    parts: list[list[int]] = [part async for part in in_slices(range(3 * PART + 1))]
    assert [item for part in parts for item in part] == list(range(3 * PART + 1))
    assert max(map(len, parts)) == PART


async def test_nothing_makes_no_part() -> None:
    nothing: list[int] = []
    assert [part async for part in in_slices(nothing)] == []


async def test_others_have_their_turn_while_much_is_done() -> None:
    turns: list[float] = []

    async def other() -> None:
        while True:
            turns.append(time.monotonic())
            await asyncio.sleep(0)

    task = asyncio.create_task(other())
    async for _part in in_slices(range(20 * PART)):
        time.sleep(SLICE / 4)  # noqa: ASYNC251  # stands for work
    task.cancel()
    assert len(turns) >= 3
