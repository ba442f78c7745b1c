from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from catflap.agent import enforcement as module
from catflap.agent.enforcement import Enforcement
from catflap.agent.shared_engine import SharedEngine
from catflap.model import HostEndpoint, Kind, ResourceChange, ResourceKey
from catflap.nft import Enforced, EnforceError, Enforcer, MemoryNft, Refused
from catflap.policy import HostPolicy, Settings


class Kernel:
    """An enforcer that notes what it is given, and fails when told to."""

    def __init__(self) -> None:
        self.policies: list[HostPolicy] = []
        self.faults: list[Exception] = []
        self.on_enforce: Callable[[], None] = lambda: None

        self.refused: tuple[Refused, ...] = ()
        self.reconsidered = 0

    def enforce(self, policy: HostPolicy) -> Enforced:
        self.on_enforce()
        if self.faults:
            raise self.faults.pop(0)
        self.policies.append(policy)
        return Enforced(1, 0.001, refused=self.refused)

    def reconsider(self) -> None:
        self.reconsidered += 1


@asynccontextmanager
async def running(kernel: Kernel, engine: SharedEngine) -> AsyncIterator[Enforcement]:
    enforcement = Enforcement(kernel)
    task = asyncio.create_task(enforcement.run(engine))
    try:
        yield enforcement
    finally:
        task.cancel()
        await asyncio.wait([task])


@pytest.fixture
def engine() -> SharedEngine:
    return SharedEngine(Settings("web1"))


async def change(engine: SharedEngine, *changes: ResourceChange) -> None:
    async with engine.changing() as changed:
        changed.apply(changes)


def endpoint(name: str, interface: str) -> ResourceChange:
    key = ResourceKey(Kind.HOST_ENDPOINT, name, scope="web1")
    return ResourceChange(key, HostEndpoint(name, "web1", (interface,)))


async def test_requests_while_the_kernel_is_busy_are_answered_together_with_the_newest_state(
    engine: SharedEngine,
) -> None:
    kernel = Kernel()
    async with running(kernel, engine) as enforcement:
        loop = asyncio.get_running_loop()

        def change_meanwhile() -> None:
            kernel.on_enforce = lambda: None
            for number in range(5):
                applied = change(engine, endpoint(f"e{number}", f"eth{number}"))
                asyncio.run_coroutine_threadsafe(applied, loop).result()
                loop.call_soon_threadsafe(enforcement.request)

        kernel.on_enforce = change_meanwhile
        enforcement.request()
        await asyncio.wait_for(enforcement.first_done.wait(), 5)
        while len(kernel.policies) < 2:
            await asyncio.sleep(0.001)
        await asyncio.sleep(0.02)
    assert [len(policy.interfaces) for policy in kernel.policies] == [0, 5]


@pytest.mark.parametrize("fault", [EnforceError("kernel says no"), RuntimeError("a fault of ours")])
async def test_a_failure_is_logged_and_tried_again(
    engine: SharedEngine, fault: Exception, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "FIRST_RETRY", 0.01)
    kernel = Kernel()
    kernel.faults = [fault, fault]
    async with running(kernel, engine) as enforcement:
        enforcement.request()
        await asyncio.wait_for(enforcement.first_done.wait(), 5)
    assert len(kernel.policies) == 1
    errors = [text for text in caplog.messages if "what it enforces stays" in text]
    assert len(errors) == 2
    assert "trying again in 0.0 s" in errors[0]


async def test_a_failure_is_told_until_it_is_over(engine: SharedEngine) -> None:
    kernel = Kernel()
    kernel.faults = [EnforceError("no memory")]
    failed = asyncio.Event()
    enforcement = Enforcement(kernel, on_failed=failed.set)
    task = asyncio.create_task(enforcement.run(engine))
    enforcement.request()
    await asyncio.wait_for(failed.wait(), 5)
    assert enforcement.failure == "no memory"
    enforcement.request()
    await asyncio.wait_for(enforcement.first_done.wait(), 5)
    assert enforcement.failure is None
    task.cancel()
    await asyncio.wait([task])


async def test_a_new_request_does_not_wait_for_the_retry(
    engine: SharedEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "FIRST_RETRY", 60.0)
    kernel = Kernel()
    kernel.faults = [EnforceError("once")]
    async with running(kernel, engine) as enforcement:
        enforcement.request()
        while kernel.faults:
            await asyncio.sleep(0.001)
        enforcement.request()
        await asyncio.wait_for(enforcement.first_done.wait(), 5)


async def test_a_notice_is_logged_when_it_appears_and_not_again(
    engine: SharedEngine, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    await change(engine, endpoint("a", "eth0"), endpoint("b", "eth0"))
    engine.revision = 17
    kernel = Kernel()
    async with running(kernel, engine) as enforcement:
        for expected in (1, 2):
            enforcement.request()
            while len(kernel.policies) < expected:
                await asyncio.sleep(0.001)
    assert sum("Interface eth0 matched with multiple" in text for text in caplog.messages) == 1
    line = "Enforcing on eth0: 0 policies, 0 IP sets, store revision 17; 1 transactions in 1.0 ms"
    assert line in caplog.messages
    assert enforcement.enforced_revision == 17


async def test_an_interface_that_cannot_be_policed_is_named_and_not_counted(
    engine: SharedEngine, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    await change(engine, endpoint("a", "eth0"), endpoint("b", "x*y"))
    enforcement = Enforcement(Enforcer(MemoryNft()))
    task = asyncio.create_task(enforcement.run(engine))
    enforcement.request()
    await asyncio.wait_for(enforcement.first_done.wait(), 5)
    task.cancel()
    await asyncio.wait([task])
    assert sum("Interface 'x*y' IS NOT POLICED: its name" in text for text in caplog.messages) == 1
    assert any(text.startswith("Enforcing on eth0: ") for text in caplog.messages)


async def test_what_the_kernel_refuses_is_said_once_and_tried_again(
    engine: SharedEngine, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "FIRST_RETRY", 0.01)
    kernel = Kernel()
    kernel.refused = (
        Refused("set a", "Cannot allocate memory", ("eth1", "eth0"), kept=False),
        Refused("chain b", "Operation not supported", ("eth1",), kept=True),
    )
    async with running(kernel, engine) as enforcement:
        enforcement.request()
        while kernel.reconsidered < 2:
            await asyncio.sleep(0.001)
        assert enforcement.not_enforced == ("eth0", "eth1")
        kernel.refused = ()
        while enforcement.not_enforced:
            await asyncio.sleep(0.001)
        passes = len(kernel.policies)
        await asyncio.sleep(0.05)
        assert len(kernel.policies) == passes
    closed, kept = (text for text in caplog.messages if text.startswith("NOT ENFORCED"))
    assert closed == (
        "NOT ENFORCED on eth1, eth0: they are closed: only established connections, failsafe ports and essential "
        "ICMPv6 pass, and it is tried again. nf_tables refuses set a: Cannot allocate memory"
    )
    assert "on eth1: they stay as they were" in kept


async def test_passes_that_others_ask_for_do_not_put_off_the_retry(
    engine: SharedEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "FIRST_RETRY", 0.05)
    kernel = Kernel()
    kernel.refused = (Refused("set a", "Cannot allocate memory", ("eth0",), kept=True),)
    async with running(kernel, engine) as enforcement:
        while not kernel.reconsidered:
            enforcement.request()
            await asyncio.sleep(0.005)
    assert len(kernel.policies) > 2


async def test_under_load_each_pass_has_the_newest_state_and_nobody_waits_for_more_than_two(
    engine: SharedEngine,
) -> None:
    """Changes come faster than the kernel takes them, for as long as it lasts."""
    kernel = Kernel()
    waits: list[int] = []  # passes from the request of a change until it is in force
    kernel.on_enforce = lambda: time.sleep(0.003)
    async with running(kernel, engine) as enforcement:
        waiting: dict[int, int] = {}
        for number in range(300):
            await change(engine, endpoint(f"e{number:03}", f"eth{number}"))
            enforcement.request()
            waiting[number + 1] = len(kernel.policies)
            await asyncio.sleep(0.0005)
            newest = len(kernel.policies[-1].interfaces) if kernel.policies else 0
            done = [size for size in waiting if size <= newest]
            waits += [len(kernel.policies) - waiting.pop(size) for size in done]
        while len(kernel.policies[-1].interfaces) < 300:
            await asyncio.sleep(0.001)
    sizes = [len(policy.interfaces) for policy in kernel.policies]
    assert sizes == sorted(sizes)
    assert len(sizes) < 300
    assert len(waits) > 100
    # The one that was running, the one that took it, and one that ended while we looked.
    assert max(waits) <= 3


async def test_what_repairs_runs_between_passes_and_does_not_wait_for_policy(engine: SharedEngine) -> None:
    kernel = Kernel()
    async with running(kernel, engine) as enforcement, engine.changing():
        enforcement.request()  # waits for the end of the change
        done = await asyncio.wait_for(enforcement.in_thread(lambda number: number + 1, 1), 5)
        assert done == 2
        thread = await enforcement.in_thread(threading.get_native_id)
        kernel.on_enforce = lambda: threads.append(threading.get_native_id())
        threads: list[int] = []
    assert kernel.policies == []
    async with running(kernel, engine) as enforcement:
        enforcement.request()
        await asyncio.wait_for(enforcement.first_done.wait(), 5)
        assert threads == [await enforcement.in_thread(threading.get_native_id)]
    assert thread


async def test_the_first_policy_and_those_that_change_the_kernel_are_told(engine: SharedEngine) -> None:
    told: list[HostPolicy] = []
    enforced: list[HostPolicy] = []
    enforcement = Enforcement(
        Enforcer(MemoryNft()), lambda decision, _: enforced.append(decision.policy), told.append
    )
    task = asyncio.create_task(enforcement.run(engine))
    for passes in (1, 2):
        enforcement.request()
        while len(enforced) < passes:
            await asyncio.sleep(0.001)
    assert told == enforced[:1]
    await change(engine, endpoint("a", "eth0"))
    enforcement.request()
    while len(enforced) < 3:
        await asyncio.sleep(0.001)
    assert len(told) == 2
    task.cancel()
    await asyncio.wait([task])
