"""What is written when, with a backend that does as it is told. Nothing here waits for a clock to pass."""

from __future__ import annotations

import asyncio
import logging
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest

from catflap.store.api import StoreDeniedError, StoreError, StoreUnavailableError
from catflap.store.lease import CLOSE_TIMEOUT, KeptKeys, LeaseLostError
from catflap.store.pace import Pace

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

LONG = 3600.0  # seconds: no refresh comes within a test
SHORT = 0.003
PACE = Pace(first_delay=0.001, longest_delay=0.002)


class Backend:
    """Implements `catflap.store.lease.LeaseBackend`; ``faults`` are raised by the calls of their names."""

    def __init__(self) -> None:
        self.keys: dict[str, bytes] = {}
        self.calls: list[str] = []
        self.faults: dict[str, list[Exception]] = {}
        self.called = asyncio.Event()
        self.before_put: Callable[[], None] = lambda: None

    async def put(self, path: str, value: bytes) -> None:
        self.before_put()
        self._call(f"put {path}")
        self.keys[path] = value

    async def delete(self, path: str) -> None:
        self._call(f"delete {path}")
        self.keys.pop(path, None)

    async def refresh(self) -> None:
        self._call("refresh")

    async def end(self) -> None:
        self._call("end")
        self.keys.clear()

    def _call(self, name: str) -> None:
        self.calls.append(name)
        self.called.set()
        faults = self.faults.get(name)
        if faults:
            raise faults.pop(0)

    async def until(self, reached: Callable[[Backend], bool]) -> None:
        """Wait for calls until something holds."""
        async with asyncio.timeout(5):
            while not reached(self):
                self.called.clear()
                await self.called.wait()
                await asyncio.sleep(0)  # the call's effect


@asynccontextmanager
async def kept(backend: Backend, seconds: float = LONG) -> AsyncIterator[KeptKeys]:
    keys = KeptKeys(backend, seconds, PACE)
    running = asyncio.create_task(keys.run())
    try:
        yield keys
        assert not running.done()
    finally:
        running.cancel()
        await asyncio.wait([running])


@pytest.fixture
def backend() -> Backend:
    return Backend()


async def test_a_key_is_written_and_later_removed(backend: Backend) -> None:
    async with kept(backend) as keys:
        keys.put("/a", b"1")
        await backend.until(lambda it: it.keys == {"/a": b"1"})
        keys.remove("/a")
        await backend.until(lambda it: it.keys == {})
    assert backend.calls == ["put /a", "delete /a"]


async def test_what_was_put_before_it_runs_is_written_when_it_runs(backend: Backend) -> None:
    keys = KeptKeys(backend, LONG)
    keys.put("/a", b"1")
    running = asyncio.create_task(keys.run())
    await backend.until(lambda it: it.keys == {"/a": b"1"})
    running.cancel()


async def test_of_values_in_quick_succession_the_newest_is_written_once(backend: Backend) -> None:
    async with kept(backend) as keys:
        for number in range(100):
            keys.put("/a", b"%d" % number)
        await backend.until(lambda it: it.keys == {"/a": b"99"})
    assert backend.calls == ["put /a"]


async def test_a_value_that_comes_during_a_write_is_written_next(backend: Backend) -> None:
    async with kept(backend) as keys:

        def newer_value() -> None:
            backend.before_put = lambda: None
            keys.put("/a", b"new")

        backend.before_put = newer_value
        keys.put("/a", b"old")
        await backend.until(lambda it: it.keys == {"/a": b"new"})
    assert backend.calls == ["put /a"] * 2


async def test_removing_what_is_not_kept_does_nothing(backend: Backend) -> None:
    async with kept(backend) as keys:
        keys.remove("/b")
        keys.put("/a", b"1")
        await backend.until(lambda it: bool(it.keys))
    assert backend.calls == ["put /a"]


async def test_it_refreshes_again_and_again(backend: Backend) -> None:
    async with kept(backend, SHORT) as keys:
        keys.put("/a", b"1")
        await backend.until(lambda it: it.calls.count("refresh") == 5)
    assert backend.calls.count("put /a") == 1


async def test_without_a_key_nothing_is_refreshed(backend: Backend) -> None:
    async with kept(backend, SHORT) as keys:
        keys.put("/a", b"1")
        keys.remove("/a")
        await backend.until(lambda it: it.calls == ["delete /a"])
        await asyncio.sleep(3 * SHORT)
    assert backend.calls == ["delete /a"]


async def test_lost_keys_are_all_written_again(backend: Backend) -> None:
    async with kept(backend, SHORT) as keys:
        keys.put("/a", b"1")
        keys.put("/b", b"2")
        await backend.until(lambda it: len(it.keys) == 2)  # a busy machine refreshes before it writes
        backend.faults["refresh"] = [LeaseLostError("gone")]
        await backend.until(lambda it: it.calls.count("put /b") == 2)
    assert backend.calls.count("put /a") == 2


async def test_keys_found_lost_by_a_write_are_all_written_again(backend: Backend) -> None:
    async with kept(backend) as keys:
        keys.put("/a", b"1")
        await backend.until(lambda it: bool(it.keys))
        backend.faults["put /b"] = [LeaseLostError("gone")]
        keys.put("/b", b"2")
        await backend.until(lambda it: it.calls.count("put /a") == 2 and "/b" in it.keys)


async def test_an_outage_is_waited_out_and_the_newest_value_written(
    backend: Backend, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    backend.faults["put /a"] = [StoreUnavailableError("cable")] * 5
    async with kept(backend) as keys:
        keys.put("/a", b"old")
        await backend.until(lambda it: it.calls.count("put /a") == 3)
        keys.put("/a", b"new")
        await backend.until(lambda it: it.keys == {"/a": b"new"})
        await asyncio.sleep(0)
    told = [(record.levelname, record.message) for record in caplog.records]
    assert told == [
        ("WARNING", "Cannot keep this process's keys in the store; trying again: cable"),
        ("INFO", "This process's keys are in the store again"),
    ]


async def test_a_refresh_that_fails_is_repeated(backend: Backend) -> None:
    backend.faults["refresh"] = [StoreUnavailableError("cable")]
    async with kept(backend, SHORT) as keys:
        keys.put("/a", b"1")
        await backend.until(lambda it: it.calls.count("refresh") == 2)


async def test_a_key_that_is_refused_holds_up_neither_other_keys_nor_refreshes(
    backend: Backend, caplog: pytest.LogCaptureFixture
) -> None:
    backend.faults["put /a"] = [StoreDeniedError("no permission") for _ in range(1000)]
    async with kept(backend, SHORT) as keys:
        keys.put("/a", b"1")
        keys.put("/b", b"2")
        await backend.until(lambda it: "/b" in it.keys and it.calls.count("refresh") == 3)
    assert [record.message for record in caplog.records] == [
        "Cannot keep this process's keys in the store; trying again: no permission"
    ]


async def test_a_bug_in_the_backend_ends_nothing(backend: Backend, caplog: pytest.LogCaptureFixture) -> None:
    backend.faults["put /a"] = [KeyError("bug")]
    async with kept(backend) as keys:
        keys.put("/a", b"1")
        await backend.until(lambda it: bool(it.keys))
    assert "Internal error" in caplog.text


async def test_close_lets_the_keys_vanish(backend: Backend) -> None:
    async with kept(backend) as keys:
        keys.put("/a", b"1")
        await backend.until(lambda it: bool(it.keys))
    await keys.close()
    assert backend.calls[-1] == "end"
    assert backend.keys == {}


@pytest.mark.parametrize("fault", [StoreError("no"), LeaseLostError("gone")])
async def test_close_does_not_mind_a_store_that_is_away(backend: Backend, fault: Exception) -> None:
    backend.faults["end"] = [fault]
    await KeptKeys(backend, LONG).close()
    assert backend.calls == ["end"]


async def test_close_does_not_wait_for_a_store_that_hangs(
    backend: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("catflap.store.lease.CLOSE_TIMEOUT", 0.01)
    monkeypatch.setattr(backend, "end", asyncio.Event().wait)
    async with asyncio.timeout(CLOSE_TIMEOUT):
        await KeptKeys(backend, LONG).close()


async def test_processes_that_start_together_refresh_apart(backend: Backend) -> None:
    seconds = 90.0
    fleet = [KeptKeys(backend, seconds) for _ in range(100)]
    for keys in fleet:
        keys.put("/a", b"1")
    times = sorted(keys._refresh_at for keys in fleet)
    assert seconds / 6 < times[-1] - times[0] < seconds / 3 + 1
