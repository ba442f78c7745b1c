from __future__ import annotations

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from catflap.agent.shared_engine import SharedEngine
from catflap.model import HostEndpoint, Kind, ResourceChange, ResourceKey
from catflap.policy import Settings


@pytest.fixture
def thread() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(1) as made:
        yield made


def endpoint(number: int) -> ResourceChange:
    key = ResourceKey(Kind.HOST_ENDPOINT, f"e{number}", scope="web1")
    return ResourceChange(key, HostEndpoint(f"e{number}", "web1", (f"eth{number}",)))


async def test_nobody_sees_half_of_a_revision(thread: ThreadPoolExecutor) -> None:
    engine = SharedEngine(Settings("web1"))
    counts: set[int] = set()

    async def change() -> None:
        for revision in range(1, 20):
            async with engine.changing() as changed:
                for number in range(3):
                    changed.apply((endpoint(3 * revision + number),))
                    await asyncio.sleep(0)
                engine.revision = revision

    changing = asyncio.create_task(change())
    while not changing.done():
        decision = await engine.decide(thread)
        counts.add(len(decision.policy.interfaces))
        assert len(decision.policy.interfaces) == 3 * decision.revision
        await asyncio.sleep(0)
    assert len(counts) > 1


@pytest.mark.parametrize("error", [ValueError, asyncio.CancelledError])
async def test_nothing_is_decided_after_a_change_that_was_broken_off(
    error: type[BaseException], thread: ThreadPoolExecutor
) -> None:
    engine = SharedEngine(Settings("web1"))
    with pytest.raises(error):
        async with engine.changing():
            raise error
    with pytest.raises(RuntimeError, match="between two revisions"):
        await engine.decide(thread)


async def test_a_decision_has_the_notices_of_its_policy(thread: ThreadPoolExecutor) -> None:
    engine = SharedEngine(Settings("web1"))
    rival = ResourceChange(
        ResourceKey(Kind.HOST_ENDPOINT, "x", scope="web1"), HostEndpoint("x", "web1", ("eth1",))
    )
    async with engine.changing() as changed:
        changed.apply((endpoint(1), rival))
    assert any("eth1" in notice for notice in (await engine.decide(thread)).notices)
