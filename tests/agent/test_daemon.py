"""The agent on fakes of the store, the interfaces and the kernel, all of which are held to the real ones elsewhere."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator

import pytest

from catflap.agent.config import Configuration
from catflap.agent.daemon import Agent, State
from catflap.agent.enforcement import Enforcement
from catflap.agent.store_configuration import StoreConfiguration
from catflap.agent.workloads import WorkloadSetup
from catflap.host import Interface, MemoryInterfaces
from catflap.nft import Enforcer, MemoryNft
from catflap.store.memory import MemoryStore

from .conftest import MemoryLinks, local_sources

READY = "/calico/v1/Ready"
HEP = "/calico/v1/host/web1/endpoint"
TIER = "/calico/v1/policy/tier"
ETH0 = Interface(2, "eth0", addresses=frozenset({"192.0.2.1"}))


class Rig:
    """An agent for host web1, running, with everything around it."""

    def __init__(self, entries: dict[str, object] | None = None) -> None:
        self.store = MemoryStore({path: encode(value) for path, value in (entries or {}).items()})
        self.interfaces = MemoryInterfaces([ETH0])
        self.nft = MemoryNft()
        self.workloads = WorkloadSetup(MemoryLinks())
        self.enforcement = Enforcement(Enforcer(self.nft), on_enforced=self.workloads.set_policy)
        self.configured: list[Configuration] = []
        self.agent = Agent(
            store=self.store,
            interfaces=self.interfaces,
            enforcement=self.enforcement,
            workloads=self.workloads,
            configuration=StoreConfiguration(lambda: local_sources(FelixHostname="web1")),
            on_configuration=self.configured.append,
        )
        self.task: asyncio.Task[None] | None = None

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
        """Until nothing has happened for a little while."""
        before: object = None
        while before != (before := (self.nft.rule_set, self.agent.state)):
            await asyncio.sleep(0.01)

    def policed(self) -> set[str]:
        """The interfaces that the kernel polices."""
        dispatch = self.nft.rule_set.maps.get("ingress_interfaces")
        return set(dispatch.elements) if dispatch else set()


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
    states = [text.rpartition(" ")[2] for text in caplog.messages if "driver status changed to" in text]
    assert states == ["wait-for-ready", "resync", "in-sync"]
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
    assert rig.agent.state is State.IN_SYNC
    assert "what is enforced stays" in caplog.text
    assert rig.policed() == {"eth0"}
    rig.store.reconnect()
    await rig.settle()
    assert caplog.messages[-1] == "Connection to memory: is back"


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
    apply = rig.agent._engine.apply

    def faulty(changes: tuple[object, ...]) -> None:
        if "bad" in str(changes):
            raise RuntimeError("fault")
        apply(changes)  # type: ignore[arg-type]  # passed through

    monkeypatch.setattr(rig.agent._engine, "apply", faulty)
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
