from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from catflap.agent import workloads as module
from catflap.agent.workloads import WorkloadSetup
from catflap.host import Interface, WorkloadLink
from catflap.model import Kind, ResourceKey
from catflap.policy.host_policy import DirectionPolicy, HostPolicy, WorkloadPolicy

from .conftest import MemoryLinks

LINK = WorkloadLink(("10.65.0.2", "fd00::2"), "02:00:00:00:00:02", "fe80::1")
CALI1 = WorkloadPolicy(
    "cali1",
    ResourceKey(Kind.WORKLOAD_ENDPOINT, "eth0", "web1/lxc/one"),
    DirectionPolicy(),
    DirectionPolicy(),
    LINK.mac,
    LINK.addresses,
    gateway6=LINK.gateway6,
)
POLICY = HostPolicy(workloads=(CALI1,), workload_prefixes=("cali",))
INTERFACES = {
    name: Interface(number, name, up=True) for number, name in enumerate(("eth0", "cali1", "cali2"))
}


@pytest.fixture
def links() -> MemoryLinks:
    return MemoryLinks()


@pytest.fixture
async def setup(links: MemoryLinks) -> AsyncIterator[WorkloadSetup]:
    made = WorkloadSetup(links)
    task = asyncio.create_task(made.run())
    yield made
    task.cancel()
    await asyncio.wait([task])


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not condition():
            await asyncio.sleep(0.001)


async def test_known_workloads_are_set_up_and_other_workload_interfaces_lead_nowhere(
    setup: WorkloadSetup, links: MemoryLinks
) -> None:
    setup.set_policy(POLICY)
    setup.set_interfaces(INTERFACES)
    await until(lambda: bool(links.calls))
    assert links.calls[-1] == {"cali1": LINK, "cali2": None}


async def test_a_host_without_workloads_is_not_touched(setup: WorkloadSetup, links: MemoryLinks) -> None:
    setup.set_policy(HostPolicy(workload_prefixes=("cali",)))
    setup.set_interfaces({"eth0": INTERFACES["eth0"]})
    await asyncio.sleep(0.02)
    assert not links.calls


async def test_links_that_change_are_looked_at_again(setup: WorkloadSetup, links: MemoryLinks) -> None:
    setup.set_policy(POLICY)
    setup.set_interfaces({})
    await until(lambda: len(links.calls) == 1)
    setup.set_interfaces(INTERFACES)
    await until(lambda: len(links.calls) == 2)


async def test_a_policy_with_the_same_workloads_asks_for_nothing(
    setup: WorkloadSetup, links: MemoryLinks
) -> None:
    setup.set_policy(POLICY)
    await until(lambda: len(links.calls) == 1)
    setup.set_policy(POLICY)
    await asyncio.sleep(0.02)
    assert len(links.calls) == 1


async def test_a_problem_is_reported_once_and_tried_again(
    setup: WorkloadSetup,
    links: MemoryLinks,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "RETRY", 0.01)
    links.answers = [["cali1 is odd"], ["cali1 is odd"]]
    setup.set_policy(POLICY)
    await until(lambda: len(links.calls) == 3)
    assert caplog.messages.count("cali1 is odd") == 1


async def test_a_fault_of_ours_does_not_end_it(
    setup: WorkloadSetup, links: MemoryLinks, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "RETRY", 0.01)
    links.answers = [RuntimeError("a fault")]
    setup.set_policy(POLICY)
    await until(lambda: len(links.calls) == 2)


async def test_a_setting_of_the_host_that_cannot_be_read_does_not_end_it(
    setup: WorkloadSetup, links: MemoryLinks, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "RETRY", 0.01)
    monkeypatch.setattr(module, "FORWARDING", tmp_path / "missing")
    setup.set_policy(POLICY)
    await until(lambda: bool(links.calls))


@pytest.mark.parametrize(("setting", "warned"), [("0", True), ("1", False)])
async def test_a_host_that_does_not_forward_is_named(
    setup: WorkloadSetup,
    links: MemoryLinks,
    caplog: pytest.LogCaptureFixture,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    setting: str,
    warned: bool,
) -> None:
    caplog.set_level(logging.WARNING)
    forwarding = tmp_path / "ip_forward"
    forwarding.write_text(f"{setting}\n")
    monkeypatch.setattr(module, "FORWARDING", forwarding)
    setup.set_policy(POLICY)
    await until(lambda: bool(links.calls))
    assert any("does not forward" in text for text in caplog.messages) is warned


async def test_it_tells_when_everything_known_has_been_tried(
    setup: WorkloadSetup, links: MemoryLinks
) -> None:
    setup.set_policy(POLICY)
    assert not setup.settled.is_set()
    await asyncio.wait_for(setup.settled.wait(), 5)
    assert len(links.calls) == 1
