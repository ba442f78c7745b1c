"""What a service manager hears of the agent: a real socket, no agent."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from catflap.agent import service_manager
from catflap.agent.service_manager import ServiceManager, describe
from catflap.agent.status import AgentStatus, State, StoreStatus

WAITING = AgentStatus(
    StoreStatus(State.WAIT_FOR_READY, 3.0, None, 3.0, "cannot read etcd://x:\n refused"), None, 0, 0
)
IN_SYNC = AgentStatus(StoreStatus(State.IN_SYNC, 0.1, 17, 3.0, None), 17, 0, 1, not_enforced=("eth0",))


class Heard:
    """A service manager's socket, and what has arrived at it."""

    def __init__(self, address: str) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(address)
        self._socket.settimeout(0)

    async def next(self) -> list[str]:
        async with asyncio.timeout(5):
            return (await asyncio.get_running_loop().sock_recv(self._socket, 4096)).decode().split("\n")

    async def until(self, line: str) -> list[str]:
        while True:
            lines = await self.next()
            if line in lines:
                return lines

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def address(tmp_path: Path) -> str:
    return str(tmp_path / "notify")


@pytest.fixture
def heard(address: str) -> Iterator[Heard]:
    made = Heard(address)
    yield made
    made.close()


@contextmanager
def running(manager: ServiceManager, ready: asyncio.Event, status: AgentStatus = IN_SYNC) -> Iterator[None]:
    task = asyncio.create_task(manager.run(lambda: status, ready))
    yield
    task.cancel()


async def test_it_is_ready_when_a_policy_is_in_force_and_then_alive(address: str, heard: Heard) -> None:
    ready = asyncio.Event()
    with running(ServiceManager({"NOTIFY_SOCKET": address, "WATCHDOG_USEC": "30000"}), ready):
        assert await heard.next() == [f"STATUS={describe(IN_SYNC)}"]
        ready.set()
        assert await heard.next() == ["READY=1"]
        for _ in range(3):  # and on, as often as the watchdog wants
            assert "WATCHDOG=1" in await heard.next()


async def test_a_store_out_of_reach_does_not_keep_it_from_being_ready(
    address: str, heard: Heard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service_manager, "PATIENCE", 0.01)
    with running(ServiceManager({"NOTIFY_SOCKET": address}), asyncio.Event(), WAITING):
        assert await heard.until("READY=1")
        assert f"STATUS={describe(WAITING)}" in await heard.until("WATCHDOG=1")


async def test_names_of_the_abstract_namespace_are_understood() -> None:
    name = f"catflap-test-{os.getpid()}"
    heard = Heard(f"\0{name}")
    ServiceManager({"NOTIFY_SOCKET": f"@{name}"}).stopping()
    assert (await heard.next())[0] == "STOPPING=1"
    heard.close()


async def test_without_a_service_manager_nothing_is_said() -> None:
    manager = ServiceManager({})
    manager.stopping()
    await manager.run(lambda: IN_SYNC, asyncio.Event())


async def test_a_socket_that_is_gone_harms_nobody(address: str) -> None:
    ready = asyncio.Event()
    ready.set()
    manager = ServiceManager({"NOTIFY_SOCKET": address, "WATCHDOG_USEC": "1"})
    task = asyncio.create_task(manager.run(lambda: IN_SYNC, ready))
    await asyncio.sleep(0.01)
    assert not task.done()
    task.cancel()


@pytest.mark.parametrize(
    ("variables", "pause"),
    [
        ({"WATCHDOG_USEC": "3000000"}, 1.0),
        ({"WATCHDOG_USEC": "3000000", "WATCHDOG_PID": str(os.getpid())}, 1.0),
        ({"WATCHDOG_USEC": "3000000", "WATCHDOG_PID": "1"}, service_manager.LONGEST_PAUSE),  # another process
        ({"WATCHDOG_USEC": "600000000"}, service_manager.LONGEST_PAUSE),
        ({"WATCHDOG_USEC": "soon"}, service_manager.LONGEST_PAUSE),
        ({}, service_manager.LONGEST_PAUSE),
    ],
)
def test_a_sign_of_life_comes_three_times_as_often_as_is_asked_for(
    variables: dict[str, str], pause: float
) -> None:
    assert ServiceManager(variables).pause == pytest.approx(pause)


def test_the_status_is_one_line_that_names_what_is_wrong() -> None:
    assert (
        describe(WAITING)
        == "wait-for-ready; no policy of the store is in force yet; cannot read etcd://x: refused"
    )
    assert describe(IN_SYNC) == "in-sync; revision 17 is in force; NOT ENFORCED on eth0"
