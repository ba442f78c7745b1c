from __future__ import annotations

import asyncio
import json
import logging
import re
from collections.abc import AsyncIterator, Callable
from typing import Any, NoReturn

import pytest

from catflap.agent import report
from catflap.agent.config import resolve
from catflap.agent.document import HostDocument, StoreReport, decode
from catflap.agent.report import Reporter, Timing
from catflap.store.api import StoreDeniedError, StoreError
from catflap.store.memory import MemoryStore

from .conftest import local_sources

ROOT = "/calico/felix/v1/host/web1"
STATUS, LAST, DOCUMENT = f"{ROOT}/status", f"{ROOT}/last_reported_status", f"{ROOT}/catflap"


def status(revision: int = 7, seen: int = 9) -> HostDocument:
    store = StoreReport(state="in-sync", seconds_since_alive=1.3, revision_seen=seen)
    return HostDocument(
        version="1", store=store, revision_enforced=revision, invalid_objects=2, not_enforced=("eth0",)
    )


class Rig:
    """A reporter for a store in memory."""

    def __init__(self, store: MemoryStore) -> None:
        self.store = store
        self.status = status()
        self.local: list[bytes] = []
        self.reporter = Reporter(store, "web1", lambda: self.status, self.local.append)
        self.task = asyncio.create_task(self.reporter.run())

    def configure(self, interval: int = 30, lifetime: int = 90) -> None:
        environment = {"ReportingIntervalSecs": str(interval), "ReportingTTLSecs": str(lifetime)}
        self.reporter.configure(resolve(local_sources(**environment))[0])

    async def entries(self) -> dict[str, Any]:
        listing = await self.store.read("/")
        return {path: json.loads(entry.value) for path, entry in listing.entries.items()}

    async def until(self, condition: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        async with asyncio.timeout(5):
            while not condition(entries := await self.entries()):
                await asyncio.sleep(0.001)
        return entries

    async def version(self, path: str) -> int:
        return (await self.store.read(path)).entries[path].version

    async def until_true(self, condition: Callable[[int], bool]) -> None:
        async with asyncio.timeout(5):
            while not condition(await self.version(DOCUMENT)):
                await asyncio.sleep(0.001)

    async def stop(self) -> None:
        self.task.cancel()
        await asyncio.wait([self.task])


@pytest.fixture(autouse=True)
def _fast(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr(report, "SPREAD", 0.01)
    caplog.set_level(logging.INFO)


@pytest.fixture
async def rig() -> AsyncIterator[Rig]:
    made = Rig(MemoryStore())
    yield made
    await made.stop()


def has(*paths: str) -> Callable[[dict[str, Any]], bool]:
    return lambda entries: entries.keys() >= set(paths)


async def test_three_keys_tell_that_it_lives_and_how_it_stands(rig: Rig) -> None:
    rig.configure()
    entries = await rig.until(has(STATUS, LAST, DOCUMENT))
    assert entries.keys() == {STATUS, LAST, DOCUMENT}
    for path in (STATUS, LAST):
        assert entries[path].keys() == {"time", "uptime", "first_update"}
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", entries[path]["time"])
        assert 0 <= entries[path]["uptime"] < 60
        assert entries[path]["first_update"] is True
    document = entries[DOCUMENT]
    assert document["kept_for_boot"] == {"revision": None, "problem": None}
    assert document["store"] == {
        "state": "in-sync",
        "seconds_since_alive": 1.3,
        "revision_seen": 9,
        "reason": None,
    }
    assert (document["hostname"], document["revision_enforced"], document["invalid_objects"]) == (
        "web1",
        7,
        2,
    )
    assert document["not_enforced"] == ["eth0"]


async def test_nothing_is_reported_before_it_is_configured(rig: Rig) -> None:
    rig.reporter.changed()
    await asyncio.sleep(0.03)
    assert await rig.entries() == {}


async def test_only_the_first_report_says_so(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report, "JITTER", -0.999)
    rig.configure(interval=1)
    await rig.until(lambda entries: STATUS in entries and not entries[STATUS]["first_update"])


async def test_a_heartbeat_writes_the_document_again_now_and_then(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(report, "JITTER", -0.999)
    rig.configure(interval=1)
    await rig.until(has(STATUS, LAST, DOCUMENT))
    first = await rig.version(DOCUMENT)
    beats = len(rig.local)
    while len(rig.local) < beats + report.BEATS // 2:
        assert await rig.version(DOCUMENT) == first
        await asyncio.sleep(0.001)
    await rig.until_true(lambda version: version != first)


async def test_a_change_is_reported_soon(rig: Rig) -> None:
    rig.configure()
    await rig.until(has(DOCUMENT))
    rig.status = status(revision=8)
    rig.reporter.changed()
    await rig.until(lambda entries: entries[DOCUMENT]["revision_enforced"] == 8)


async def test_many_changes_are_reported_together(rig: Rig) -> None:
    rig.configure()
    await rig.until(has(STATUS, LAST, DOCUMENT))
    before = (await rig.store.read("/")).revision
    for revision in range(8, 108):
        rig.status = status(revision=revision)
        rig.reporter.changed()
        await asyncio.sleep(0)
    await rig.until(lambda entries: entries[DOCUMENT]["revision_enforced"] == 107)
    assert (await rig.store.read("/")).revision - before < 10


async def test_what_others_write_is_no_reason_to_write(rig: Rig) -> None:
    rig.configure()
    await rig.until(has(STATUS, LAST, DOCUMENT))
    rig.reporter.changed()
    await asyncio.sleep(0.05)
    before = (await rig.store.read("/")).revision
    for seen in range(10, 15):
        rig.status = status(seen=seen)
        rig.reporter.changed()
        await asyncio.sleep(0.02)
    assert (await rig.store.read("/")).revision == before


async def test_a_clean_end_takes_the_keys_away_that_mean_life(rig: Rig) -> None:
    rig.configure()
    await rig.until(has(STATUS, LAST, DOCUMENT))
    await rig.stop()
    assert (await rig.entries()).keys() == {LAST}


async def test_keys_that_were_lost_in_an_outage_come_back(rig: Rig) -> None:
    rig.configure()
    await rig.until(has(STATUS, LAST, DOCUMENT))
    rig.store.expire_leases()
    await rig.until(has(STATUS, LAST, DOCUMENT))


async def test_an_outage_ends_nothing(rig: Rig, caplog: pytest.LogCaptureFixture) -> None:
    rig.store.disconnect("away")
    rig.configure()
    async with asyncio.timeout(5):
        while not caplog.messages:
            await asyncio.sleep(0.001)
    rig.store.reconnect()
    await rig.until(has(STATUS, DOCUMENT))
    assert sum("last_reported_status; trying again: away" in text for text in caplog.messages) == 1


async def test_it_can_be_disabled_and_enabled_while_running(rig: Rig) -> None:
    rig.configure()
    await rig.until(has(STATUS, DOCUMENT))
    rig.configure(interval=0)
    await rig.until(lambda entries: STATUS not in entries and DOCUMENT not in entries)
    rig.configure(interval=60)
    await rig.until(has(STATUS, DOCUMENT))


class WithoutLeases(MemoryStore):
    """As a directory."""

    def lease(self, seconds: float) -> NoReturn:
        raise StoreError(f"a directory cannot keep keys for {seconds:g} s")


class Refusing(MemoryStore):
    """As an etcd without the permission."""

    async def write(self, *_: object, **__: object) -> NoReturn:
        raise StoreDeniedError("permission denied")

    def lease(self, _seconds: float) -> Any:
        return Patient()


class Patient:
    """A lease that waits for a permission that never comes."""

    def put(self, path: str, value: bytes) -> None:
        pass

    def remove(self, path: str) -> None:
        pass

    async def run(self) -> None:
        await asyncio.Event().wait()

    async def close(self) -> None:
        pass


async def test_a_store_without_such_keys_is_named_once(caplog: pytest.LogCaptureFixture) -> None:
    rig = Rig(WithoutLeases())
    rig.configure()
    await asyncio.sleep(0.01)
    rig.reporter.changed()
    await asyncio.sleep(0.03)
    assert not rig.task.done()
    assert caplog.messages == [
        "How this agent stands is not written to the store: a directory cannot keep keys for 90 s"
    ]
    await rig.stop()


async def test_a_store_that_refuses_is_named_once(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(report, "JITTER", -0.999)
    rig = Rig(Refusing())
    rig.configure(interval=1)
    await asyncio.sleep(0.05)
    assert not rig.task.done()
    assert len(caplog.messages) == 1
    assert "permission denied" in caplog.text
    await rig.stop()


@pytest.mark.parametrize(
    ("interval", "lifetime", "expected"),
    [(30, 90, (30, 90)), (30, 31, (30, 31)), (30, 30, (30, 75)), (30, 10, (30, 75)), (0, 90, (0, 90))],
)
def test_a_report_outlives_the_interval(interval: int, lifetime: int, expected: tuple[int, int]) -> None:
    environment = {"ReportingIntervalSecs": str(interval), "ReportingTTLSecs": str(lifetime)}
    timing = Timing.of(resolve(local_sources(**environment))[0])
    assert (timing.interval, timing.lifetime) == expected


async def test_a_store_that_hangs_does_not_hold_up_the_local_report(monkeypatch: pytest.MonkeyPatch) -> None:
    class Hanging(MemoryStore):
        async def write(self, *_: object, **__: object) -> NoReturn:
            await asyncio.Event().wait()
            raise AssertionError

    monkeypatch.setattr(report, "JITTER", -0.999)
    rig = Rig(Hanging())
    rig.configure(interval=1)
    async with asyncio.timeout(5):
        while len(rig.local) < 3:
            await asyncio.sleep(0.001)
    assert decode(rig.local[-1]).hostname == "web1"
    await rig.stop()


async def test_a_store_without_such_keys_has_the_local_report() -> None:
    rig = Rig(WithoutLeases())
    rig.configure()
    async with asyncio.timeout(5):
        while not rig.local:
            await asyncio.sleep(0.001)
    document = decode(rig.local[0])
    assert (document.hostname, document.revision_enforced, document.lifetime) == ("web1", 7, 90)
    await rig.stop()
