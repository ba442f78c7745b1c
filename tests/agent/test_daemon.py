"""The agent on fakes of the store, the interfaces and the kernel, all of which are held to the real ones elsewhere."""

from __future__ import annotations

import asyncio
import gc
import json
import logging
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from catflap.agent import daemon
from catflap.agent.config import Configuration
from catflap.agent.daemon import Agent
from catflap.agent.enforcement import Enforcement
from catflap.agent.shared_engine import Decision
from catflap.agent.staleness import patience_with
from catflap.agent.status import State
from catflap.agent.store_configuration import StoreConfiguration
from catflap.agent.workloads import WorkloadSetup
from catflap.host import Interface, MemoryInterfaces
from catflap.model.changes import CHANGE_PATH, ChangeHeader, write_change_header
from catflap.nft import Enforced, Enforcer, MemoryNft
from catflap.policy import HostPolicy
from catflap.store.memory import MemoryStore

from .conftest import MemoryLinks, local_sources

READY = "/calico/v1/Ready"
HEP = "/calico/v1/host/web1/endpoint"
TIER = "/calico/v1/policy/tier"
PATIENCE = patience_with(4)
ETH0 = Interface(2, "eth0", addresses=frozenset({"192.0.2.1"}))


class CountingEnforcer(Enforcer):
    """Notes how often it is asked."""

    calls = 0

    def enforce(self, policy: HostPolicy) -> Enforced:
        self.calls += 1
        return super().enforce(policy)


class Rig:
    """An agent for host web1, running, with everything around it."""

    def __init__(self, entries: dict[str, object] | None = None) -> None:
        self.store = MemoryStore({path: encode(value) for path, value in (entries or {}).items()})
        self.interfaces = MemoryInterfaces([ETH0])
        self.nft = MemoryNft()
        self.workloads = WorkloadSetup(MemoryLinks())
        self.enforcer = CountingEnforcer(self.nft)
        self.enforcement = Enforcement(self.enforcer, on_enforced=self._set_up)
        self.now = 0.0
        self.statuses = 0
        self.configured: list[Configuration] = []
        self.agent = Agent(
            store=self.store,
            interfaces=self.interfaces,
            enforcement=self.enforcement,
            workloads=self.workloads,
            configuration=StoreConfiguration(lambda: local_sources(FelixHostname="web1")),
            on_configuration=self.configured.append,
            on_status=self._count,
            clock=lambda: self.now,
        )
        self.task: asyncio.Task[None] | None = None

    def _set_up(self, decision: Decision, _enforced: Enforced) -> None:
        self.workloads.set_policy(decision.policy)

    def _count(self) -> None:
        self.statuses += 1

    async def start(self) -> None:
        self.task = asyncio.create_task(self.agent.run())
        await self.settle()

    async def put(self, path: str, value: object) -> None:
        self.store.change([(path, encode(value))])
        await self.settle()

    async def delete(self, path: str) -> None:
        self.store.change([(path, None)])
        await self.settle()

    async def settle(self) -> None:
        """Until everything that the store has told is enforced, and nothing has happened for a little while."""
        before: object = None
        async with asyncio.timeout(5):
            while self._behind() or before != (before := (self.nft.rule_set, self.agent.state)):
                await asyncio.sleep(0.01)

    def _behind(self) -> bool:
        untold = any(not events.empty() for events in self.store._followers)
        return untold or self.agent._engine.revision != (self.enforcement.enforced_revision or 0)

    async def until(self, state: State) -> None:
        """Until the agent is in a state."""
        async with asyncio.timeout(5):
            while self.agent.state is not state:
                await asyncio.sleep(0)

    def policed(self) -> set[str]:
        """The interfaces that the kernel polices."""
        dispatch = self.nft.rule_set.maps.get("ingress_interfaces")
        return set(dispatch.elements) if dispatch else set()


def states(caplog: pytest.LogCaptureFixture) -> list[str]:
    return re.findall(r"driver status changed to ([\w-]+)", "\n".join(caplog.messages))


def encode(value: object) -> bytes:
    if isinstance(value, bytes):
        return value
    return value.encode() if isinstance(value, str) else json.dumps(value).encode()


@pytest.fixture
async def rig() -> AsyncIterator[Rig]:
    made = Rig({READY: "true", f"{HEP}/data": {"name": "eth0"}})
    yield made
    if made.task is not None:
        made.task.cancel()
        await asyncio.wait([made.task])


@pytest.fixture(autouse=True)
def _info(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)


async def test_it_goes_through_its_states_and_enforces(rig: Rig, caplog: pytest.LogCaptureFixture) -> None:
    await rig.start()
    assert states(caplog) == ["wait-for-ready", "resync", "in-sync"]
    assert rig.policed() == {"eth0"}
    assert sum("has value" in text for text in caplog.messages) >= 15


async def test_nothing_is_programmed_before_ready(rig: Rig, caplog: pytest.LogCaptureFixture) -> None:
    rig.store.change([(READY, b"false")])
    await rig.start()
    assert not rig.nft.rule_set
    assert "/calico/v1/Ready is 'false', not true" in caplog.text
    await rig.put(READY, "true")
    assert rig.policed() == {"eth0"}


async def test_an_outage_at_the_start_is_named_and_waited_out(
    rig: Rig, caplog: pytest.LogCaptureFixture
) -> None:
    rig.store.disconnect("no route to host")
    await rig.start()
    assert "in state wait-for-ready: cannot read memory:: no route to host" in caplog.text
    rig.store.reconnect()
    await rig.settle()
    assert rig.policed() == {"eth0"}


async def test_an_outage_later_changes_nothing(rig: Rig, caplog: pytest.LogCaptureFixture) -> None:
    await rig.start()
    rig.store.disconnect("connection refused")
    await rig.settle()
    assert rig.agent.state is State.STALE
    assert caplog.records[-1].levelno == logging.WARNING
    assert caplog.messages[-1] == (
        "memory driver status changed to stale: Connection to memory: lost: connection refused;"
        " what is enforced stays"
    )
    assert rig.policed() == {"eth0"}
    rig.now += 12
    assert rig.agent.status().store.seconds_since_alive == 12
    rig.store.reconnect()
    await rig.settle()
    assert caplog.messages[-2:] == [
        "Connection to memory: is back; it gave no sign of life for 12.0 s",
        "memory driver status changed to in-sync",
    ]


async def test_an_outage_that_ends_with_a_resync_passes_through_it(
    rig: Rig, caplog: pytest.LogCaptureFixture
) -> None:
    await rig.start()
    rig.store.disconnect("connection refused")
    rig.store.change([(f"{HEP}/data", encode({"name": "eth1"}))])
    await rig.settle()
    caplog.clear()
    rig.store.resync()
    await rig.settle()
    assert states(caplog) == ["resync", "in-sync"]
    assert rig.policed() == {"eth1"}


@pytest.fixture
def fast(monkeypatch: pytest.MonkeyPatch) -> None:
    """The agent looks at its clock all the time."""
    monkeypatch.setattr(daemon, "WATCH_INTERVAL", 0.001)


@pytest.mark.usefixtures("fast")
async def test_a_silent_store_is_stale_and_people_are_reminded(
    rig: Rig, caplog: pytest.LogCaptureFixture
) -> None:
    await rig.start()
    caplog.clear()
    rig.now += PATIENCE
    await rig.settle()
    assert rig.agent.state is State.STALE
    for seconds in (14, 1, 44, 1, 241, 601):
        rig.now += seconds
        await rig.settle()
    assert rig.policed() == {"eth0"}
    rig.store.prove_alive()
    await rig.until(State.IN_SYNC)
    reminders = [text.split(":")[0] for text in caplog.messages if text.startswith("Stale for")]
    assert reminders == ["Stale for 15 s", "Stale for 60 s", "Stale for 301 s", "Stale for 902 s"]
    assert "no sign of life for 917.0 s" in caplog.text


@pytest.mark.usefixtures("fast")
async def test_signs_of_life_keep_it_in_sync(rig: Rig) -> None:
    await rig.start()
    for _ in range(5):
        rig.now += PATIENCE - 1
        rig.store.prove_alive()
        await rig.settle()
        assert rig.agent.state is State.IN_SYNC


async def test_a_status_tells_how_it_stands(rig: Rig) -> None:
    assert rig.agent.status().revision_enforced is None
    await rig.start()
    before = rig.statuses
    await rig.put(f"{HEP}/bad", "{")
    await rig.put(f"{HEP}/more", {"name": "eth1"})
    status = rig.agent.status()
    assert (status.store.state, status.store.revision_seen, status.store.reason) == (State.IN_SYNC, 3, None)
    assert (status.revision_enforced, status.invalid_objects, status.resyncs) == (3, 1, 1)
    assert rig.statuses > before
    await rig.put(f"{HEP}/bad", {"name": "eth2"})
    assert rig.agent.status().invalid_objects == 0


async def test_a_link_that_goes_up_is_told_and_enforces_nothing(rig: Rig) -> None:
    await rig.start()
    before = rig.statuses, rig.agent.status().revision_enforced
    rig.interfaces.set([Interface(2, "eth0", addresses=frozenset({"192.0.2.1"}), up=True)])
    async with asyncio.timeout(5):
        while rig.statuses == before[0]:
            await asyncio.sleep(0.001)
    assert rig.agent.links["eth0"].up
    assert rig.agent.status().revision_enforced == before[1]


async def test_a_change_of_several_steps_counts_when_it_is_whole(
    rig: Rig, caplog: pytest.LogCaptureFixture
) -> None:
    await rig.start()
    header = ChangeHeader(
        id="x", author="op@desk", started="2026-01-01T00:00:00Z", objects=2, steps=2, done=0
    )
    await rig.put(CHANGE_PATH, write_change_header(header))
    await rig.put(f"{HEP}/one", {"name": "eth1"})
    await rig.delete(f"{HEP}/data")
    assert rig.policed() == {"eth0"}
    assert rig.agent.state is State.IN_SYNC
    assert rig.agent.status().store.reason == "op@desk is writing a change of several steps"
    assert rig.agent.status().revision_enforced == 1
    rig.store.resync()
    await rig.put(READY, "false")
    await rig.put(READY, "true")
    assert rig.policed() == {"eth0"}
    assert rig.agent.waiting_for == "op@desk is writing a change of several steps"
    await rig.delete(CHANGE_PATH)
    assert rig.policed() == {"eth1"}
    assert rig.agent.state is State.IN_SYNC
    assert sum(text.startswith("Holding changes back") for text in caplog.messages) == 1


async def test_an_agent_that_starts_in_the_middle_of_a_change_enforces_what_there_is(rig: Rig) -> None:
    header = ChangeHeader(
        id="x", author="op@desk", started="2026-01-01T00:00:00Z", objects=2, steps=2, done=1
    )
    rig.store.change([(CHANGE_PATH, write_change_header(header))])
    await rig.start()
    assert rig.policed() == {"eth0"}
    await rig.put(f"{HEP}/one", {"name": "eth1"})
    assert rig.policed() == {"eth0"}
    await rig.delete(CHANGE_PATH)
    assert rig.policed() == {"eth0", "eth1"}


async def test_a_header_that_is_garbage_holds_nothing_back(rig: Rig) -> None:
    await rig.start()
    await rig.put(CHANGE_PATH, "{")
    await rig.put(f"{HEP}/one", {"name": "eth1"})
    assert rig.policed() == {"eth0", "eth1"}


async def test_a_flag_that_flutters_loads_nothing_anew(rig: Rig) -> None:
    await rig.start()
    calls, before = rig.enforcer.calls, rig.nft.rule_set
    tasks = len(asyncio.all_tasks())
    for _ in range(100):
        rig.store.change([(READY, b"false")])
        rig.store.change([(READY, b"true")])
    async with asyncio.timeout(5):
        while rig.agent.status().revision_enforced != 201:
            await asyncio.sleep(0)
    assert rig.agent.state is State.IN_SYNC
    assert rig.nft.rule_set == before
    assert rig.enforcer.calls <= calls + 100
    assert len(asyncio.all_tasks()) == tasks


async def test_a_thousand_outages_leave_nothing_behind(rig: Rig, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL)  # what is logged is kept for the test's report
    await rig.start()
    tasks, files = len(asyncio.all_tasks()), _open_files()
    objects = 0
    for number in range(1000):
        if number == 100:  # caches are filled by now
            objects = _objects()
        rig.store.disconnect("away")
        await rig.until(State.STALE)
        (rig.store.resync if number % 2 else rig.store.reconnect)()
        await rig.until(State.IN_SYNC)
    await rig.settle()
    assert len(asyncio.all_tasks()) == tasks
    assert _open_files() == files
    assert _objects() < objects + 900


def _open_files() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


def _objects() -> int:
    gc.collect()
    return len(gc.get_objects())


async def test_a_resync_without_differences_changes_nothing(rig: Rig) -> None:
    await rig.start()
    before = rig.nft.rule_set
    rig.store.resync()
    await rig.settle()
    assert rig.nft.rule_set == before


async def test_losing_ready_keeps_what_is_enforced_and_holds_edits_back(rig: Rig) -> None:
    await rig.start()
    await rig.delete(READY)
    assert rig.agent.state is State.WAIT_FOR_READY
    await rig.put(f"{HEP}/other", {"name": "eth1"})
    await rig.delete(f"{HEP}/data")
    assert rig.policed() == {"eth0"}
    await rig.put(READY, "true")
    assert rig.policed() == {"eth1"}


async def test_while_ready_is_lost_interfaces_are_still_followed(rig: Rig) -> None:
    await rig.start()
    await rig.put(f"{HEP}/data", {"expected_ipv4_addrs": ["192.0.2.1"]})
    await rig.put(READY, "false")
    rig.interfaces.set([Interface(3, "eth9", addresses=frozenset({"192.0.2.1"}))])
    await rig.settle()
    assert rig.policed() == {"eth9"}


async def test_an_invalid_object_is_named_once_and_counts_as_missing(
    rig: Rig, caplog: pytest.LogCaptureFixture
) -> None:
    await rig.start()
    await rig.put(f"{HEP}/data", "{")
    assert rig.policed() == set()
    failures = [record for record in caplog.records if "Validation failed" in record.getMessage()]
    assert len(failures) == 1
    assert failures[0].levelno == logging.WARNING
    rig.store.resync()
    await rig.settle()
    assert sum("Validation failed" in text for text in caplog.messages) == 1


@pytest.mark.parametrize(
    "value", [b"\xff\xfe", b"[" * 100_000, b'{"name": null}', b"null", b"", b'{"name": 1e999}']
)
@pytest.mark.parametrize(
    "path",
    [
        f"{HEP}/x",
        f"{HEP}/\ud800\n",
        "/calico/v1/host//endpoint/",
        f"{TIER}/t/metadata",
        f"{TIER}/t/policy/p",
        "/calico/v1/policy/profile/p/rules",
        "/calico/v1/policy/profile/p/tags",
        "/calico/v1/policy/profile/p/labels",
        "/calico/v1/config/LogSeverityFile",
        "/calico/v1/host/web1/config/InterfacePrefix",
        "/calico/v1/",
        "/calico/resources/v3/projectcalico.org/tiers/t",
        "/calico/resources/v3/projectcalico.org/felixconfigurations/default",
    ],
)
async def test_no_input_stops_it_or_affects_anything_else(rig: Rig, path: str, value: bytes) -> None:
    await rig.start()
    await rig.put(path, value)
    assert rig.task is not None
    assert not rig.task.done()
    await rig.put(f"{HEP}/more", {"name": "eth1"})
    assert rig.policed() == {"eth0", "eth1"}


async def test_configuration_is_applied_live_and_only_changes_are_logged(
    rig: Rig, caplog: pytest.LogCaptureFixture
) -> None:
    await rig.start()
    caplog.clear()
    await rig.put("/calico/v1/config/FailsafeInboundHostPorts", "tcp:4242")
    assert "4242" in rig.nft.rule_set.text()
    parameters = [text for text in caplog.messages if "has value" in text]
    assert len(parameters) == 1
    assert "'tcp:4242' read from Global etcd configuration" in parameters[0]
    assert rig.configured[-1]["FailsafeInboundHostPorts"][0].ports.first == 4242


async def test_other_hosts_configuration_does_not_concern_this_one(rig: Rig) -> None:
    await rig.start()
    count = len(rig.configured)
    await rig.put("/calico/v1/host/db1/config/FailsafeInboundHostPorts", "none")
    assert len(rig.configured) == count


async def test_entries_of_other_kinds_are_counted_not_listed(
    rig: Rig, caplog: pytest.LogCaptureFixture
) -> None:
    rig.store.change([(f"/calico/v1/ipam/v4/pool/{n}", b"{}") for n in range(50)])
    await rig.start()
    lines = [text for text in caplog.messages if text.startswith("Ignoring ")]
    assert len(lines) == 1
    assert "50 entries" in lines[0]


async def test_a_fault_of_ours_with_one_object_does_not_stop_the_others(
    rig: Rig, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    await rig.start()
    apply = rig.agent._engine._engine.apply

    def faulty(changes: tuple[object, ...]) -> None:
        if "bad" in str(changes):
            raise RuntimeError("fault")
        apply(changes)  # type: ignore[arg-type]  # passed through

    monkeypatch.setattr(rig.agent._engine._engine, "apply", faulty)
    rig.store.change([(f"{HEP}/bad", b'{"name": "eth7"}'), (f"{HEP}/good", b'{"name": "eth1"}')])
    await rig.settle()
    assert rig.policed() == {"eth0", "eth1"}
    assert "Internal error while taking over HostEndpoint web1/bad" in caplog.text


async def test_an_endpoint_for_a_port_of_a_bridge_is_named(
    rig: Rig, caplog: pytest.LogCaptureFixture
) -> None:
    rig.interfaces.set([Interface(2, "eth0", master=3), Interface(3, "br0")])
    await rig.start()
    assert any("names eth0, which is a port of br0" in text for text in caplog.messages)
