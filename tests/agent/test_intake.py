from __future__ import annotations

import asyncio
import gc
import logging
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import msgspec
import pytest

from catflap.agent import intake as module
from catflap.agent.intake import Intake
from catflap.agent.settings import policy_settings
from catflap.agent.shared_engine import SharedEngine
from catflap.agent.store_configuration import StoreConfiguration
from catflap.model import Problem
from catflap.policy import PolicyEngine
from catflap.store.api import Delta, Snapshot

from .conftest import local_sources

HEP = "/calico/v1/host/web1/endpoint"


class Rig:
    """An intake of host web1 and what is behind it."""

    def __init__(self) -> None:
        configuration = StoreConfiguration(lambda: local_sources(FelixHostname="web1"))
        self.engine = SharedEngine(policy_settings(configuration.current))
        self.intake = Intake(self.engine, configuration)
        self.configured: list[bool] = []

    async def take(self, event: Snapshot | Delta) -> None:
        await self.intake.note(event)
        await self.apply()

    async def apply(self) -> None:
        await self.intake.apply(self._configure)

    def _configure(self, _engine: PolicyEngine, changed: bool) -> None:
        self.configured.append(changed)


@pytest.fixture
def rig() -> Rig:
    return Rig()


@pytest.fixture(autouse=True)
def _thawed() -> Iterator[None]:
    yield
    gc.unfreeze()


@pytest.fixture
def thread() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(1) as made:
        yield made


def endpoints(count: int) -> dict[str, bytes]:
    return {f"{HEP}/e{n:05}": msgspec.json.encode({"name": f"eth{n}"}) for n in range(count)}


async def test_what_is_noted_counts_when_it_is_applied(rig: Rig, thread: ThreadPoolExecutor) -> None:
    await rig.intake.note(Snapshot(5, endpoints(3)))
    assert rig.intake.pending == 3
    before = await rig.engine.decide(thread)
    assert (len(before.policy.interfaces), before.revision) == (0, 0)
    await rig.apply()
    after = await rig.engine.decide(thread)
    assert (len(after.policy.interfaces), after.revision) == (3, 5)
    assert rig.intake.pending == 0


async def test_whoever_asks_in_the_middle_waits_for_the_whole(rig: Rig, thread: ThreadPoolExecutor) -> None:
    await rig.intake.note(Snapshot(5, endpoints(2000)))
    applying = asyncio.create_task(rig.apply())
    await asyncio.sleep(0)
    decision = await rig.engine.decide(thread)
    await applying
    assert (len(decision.policy.interfaces), decision.revision) == (2000, 5)


async def test_much_is_taken_over_while_others_have_their_turn(rig: Rig) -> None:
    turns = 0

    async def other() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    task = asyncio.create_task(other())
    await rig.take(Snapshot(5, endpoints(10_000)))
    task.cancel()
    assert turns > 5


async def test_the_garbage_collector_is_kept_away_from_much(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MANY", 100)
    await rig.take(Snapshot(1, endpoints(99)))
    assert gc.get_freeze_count() == 0
    await rig.take(Snapshot(2, endpoints(300)))
    assert gc.get_freeze_count() > 0
    assert gc.isenabled()


async def test_only_configuration_of_this_host_says_that_it_has_changed(rig: Rig) -> None:
    await rig.take(Snapshot(1, endpoints(1)))
    await rig.take(Delta(2, (("/calico/v1/config/LogSeverityFile", b"debug"),)))
    await rig.take(Delta(3, (("/calico/v1/host/db1/config/LogSeverityFile", b"debug"),)))
    assert rig.configured == [False, True, False]


async def test_invalid_objects_are_counted_until_they_are_valid_or_gone(rig: Rig) -> None:
    await rig.take(Snapshot(1, {f"{HEP}/a": b"{", f"{HEP}/b": b"{", f"{HEP}/c": b"{}"}))
    assert rig.intake.invalid_objects == 3
    assert rig.intake.invalid_kinds["HostEndpoint"] == 3
    await rig.take(Delta(2, ((f"{HEP}/a", b'{"name": "eth0"}'), (f"{HEP}/b", None))))
    assert rig.intake.invalid_objects == 1
    assert sum(rig.intake.invalid_kinds.values()) == rig.intake.invalid_kinds["HostEndpoint"] == 1


async def test_what_the_store_cannot_read_is_named_once_and_counted(
    rig: Rig, caplog: pytest.LogCaptureFixture
) -> None:
    problem = Problem("/p/x.yaml", "file x.yaml", ("it is a directory",))
    await rig.take(Snapshot(1, {}, (problem,)))
    await rig.take(Delta(2, (), (problem,)))
    assert sum("it is a directory" in text for text in caplog.messages) == 1
    assert rig.intake.invalid_objects == rig.intake.invalid_kinds["unreadable"] == 1
    await rig.take(Delta(3, ()))
    assert rig.intake.invalid_objects == 0


async def test_entries_of_other_kinds_are_counted_not_listed(
    rig: Rig, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    await rig.take(Snapshot(1, {f"/calico/v1/ipam/v4/pool/{n}": b"{}" for n in range(200)}))
    lines = [text for text in caplog.messages if text.startswith("Ignoring ")]
    assert len(lines) == 1
    assert "200 entries" in lines[0]


async def test_invalid_objects_are_told_with_their_reasons(rig: Rig) -> None:
    problem = Problem("/etc/policy/x.yaml", "file x.yaml", ("not YAML",))
    await rig.take(Snapshot(1, {f"{HEP}/eth0": b"{", f"{HEP}/eth1": b'{"name": "eth1"}'}, (problem,)))
    first, second = rig.intake.some_invalid()
    assert (first.path, first.subject) == (f"{HEP}/eth0", "host endpoint HostEndpointId<eth0>")
    assert first.reasons
    assert (second.path, second.reasons) == ("/etc/policy/x.yaml", ("not YAML",))
    await rig.take(Delta(2, ((f"{HEP}/eth0", None),)))
    assert rig.intake.some_invalid() == ()


async def test_only_some_invalid_objects_are_told(rig: Rig) -> None:
    await rig.take(Snapshot(1, {f"{HEP}/eth{number}": b"{" for number in range(200)}))
    assert (len(rig.intake.some_invalid()), rig.intake.invalid_objects) == (50, 200)


async def test_the_engine_knows_how_many_entries_there_were(rig: Rig) -> None:
    await rig.take(Snapshot(1, {f"{HEP}/eth0": b'{"name": "eth0"}'}))
    with ThreadPoolExecutor(1) as thread:
        decision = await rig.engine.decide(thread)
    assert (decision.revision, decision.entries) == (1, 1)
    assert [key.name for key in decision.endpoints] == ["eth0"]
