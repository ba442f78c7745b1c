from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Callable

import pytest
from tests.policy.conftest import World

from catflap.agent import endpoint_report
from catflap.agent.config import resolve
from catflap.agent.endpoint_report import EndpointReporter, states
from catflap.agent.in_force import InForce
from catflap.agent.shared_engine import Decision
from catflap.host import Interface
from catflap.nft import Enforced, Refused
from catflap.store.memory import MemoryStore

from .conftest import local_sources

ROOT = "/calico/felix/v1/host/web1"


def links(**up: bool) -> dict[str, Interface]:
    return {name: Interface(number, name, up=is_up) for number, (name, is_up) in enumerate(up.items(), 1)}


def in_force(world: World, *refused: Refused) -> InForce:
    engine = world.engine
    policy = engine.host_policy()
    made = InForce()
    made.take(Decision(policy, (), 1, engine.local_endpoints), Enforced(1, 0.0, refused=refused))
    return made


def test_the_words_of_the_old_system(world: World) -> None:
    world.endpoint("good", interface="eth0")
    world.endpoint("down", interface="eth1")
    world.endpoint("away", interface="eth7")
    world.endpoint("bad", interface="eth2")
    world.endpoint("many", interface="wlan*")
    world.endpoint("loser", interface="eth0")
    world.workload("w", "cali1", addresses=("10.0.0.1",))
    found = states(
        in_force(world, Refused("set", "no", ("eth2",), kept=True)),
        links(eth0=True, eth1=False, eth2=True, wlan0=False, wlan1=True, cali1=True),
    )
    assert found == {
        "endpoint/away": "down",
        "endpoint/bad": "error",
        "endpoint/down": "down",
        "endpoint/good": "up",
        "endpoint/loser": "down",
        "endpoint/many": "up",
        "workload/o/w/endpoint/w": "up",
    }


@pytest.fixture
def world() -> World:
    return World()


class Rig:
    """A reporter for a store in memory."""

    def __init__(self) -> None:
        self.store = MemoryStore(
            {
                f"{ROOT}/endpoint/old": b'{"status":"up"}',
                f"{ROOT}/status": b"{}",
                f"{ROOT}x/endpoint/b": b"{}",
            }
        )
        self.states: dict[str, str] | None = {"endpoint/a": "up"}
        self.reporter = EndpointReporter(self.store, "web1", lambda: self.states)
        self.task = asyncio.create_task(self.reporter.run())

    def configure(self, *, enabled: bool = True) -> None:
        settings = {"EndpointReportingEnabled": str(enabled), "EndpointReportingDelaySecs": "0"}
        self.reporter.configure(resolve(local_sources(**settings))[0])

    async def found(self) -> dict[str, str]:
        listing = await self.store.read(f"{ROOT}/endpoint/")
        return {
            path.rpartition("/")[2]: json.loads(entry.value)["status"]
            for path, entry in listing.entries.items()
        }

    async def until(self, condition: Callable[[dict[str, str]], bool]) -> None:
        async with asyncio.timeout(5):
            while not condition(await self.found()):
                await asyncio.sleep(0.001)


@pytest.fixture
async def rig(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Rig]:
    monkeypatch.setattr(endpoint_report, "RETRY", 0.01)
    made = Rig()
    yield made
    made.task.cancel()
    await asyncio.wait([made.task])


async def test_nothing_is_written_unless_it_is_asked_for(rig: Rig) -> None:
    rig.configure(enabled=False)
    rig.reporter.changed()
    await asyncio.sleep(0.03)
    assert await rig.found() == {"old": "up"}


async def test_each_endpoint_has_its_key_and_those_of_earlier_runs_go(rig: Rig) -> None:
    rig.configure()
    await rig.until(lambda found: found == {"a": "up"})
    rig.states = {"endpoint/a": "down", "endpoint/b": "up"}
    rig.reporter.changed()
    await rig.until(lambda found: found == {"a": "down", "b": "up"})
    assert await rig.store.get(f"{ROOT}x/endpoint/b") == b"{}"
    before = (await rig.store.read("/")).revision
    rig.reporter.changed()
    await asyncio.sleep(0.03)
    assert (await rig.store.read("/")).revision == before


async def test_nothing_is_deleted_before_anything_is_known(rig: Rig) -> None:
    rig.states = None
    rig.configure()
    await asyncio.sleep(0.03)
    assert await rig.found() == {"old": "up"}


async def test_an_outage_is_waited_out_and_said_once(rig: Rig, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    rig.store.disconnect("away")
    rig.configure()
    await asyncio.sleep(0.05)
    rig.store.reconnect()
    await rig.until(lambda found: found == {"a": "up"})
    assert sum("Cannot write the states of endpoints" in text for text in caplog.messages) == 1


async def test_keys_stay_when_it_ends(rig: Rig) -> None:
    rig.configure()
    await rig.until(lambda found: found == {"a": "up"})
    rig.task.cancel()
    await asyncio.wait([rig.task])
    assert await rig.found() == {"a": "up"}
