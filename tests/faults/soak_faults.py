"""The faults of a soak. Each begins, lasts some seconds and is over; none needs another one to be healed."""

from __future__ import annotations

import asyncio
import contextlib
import random
import signal
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

import msgspec
from tests.faults import fleet
from tests.faults.agent_host import Host

from catflap.lab.etcd import EtcdError, EtcdServer
from catflap.lab.topology import HOST_MANAGEMENT

SHORTEST, LONGEST = 2.0, 12.0  # seconds
READY: Final = "/calico/v1/Ready"
MANY, STEP = 1000, 100
LARGE: Final = 1 << 20  # bytes
AGENT: Final = HOST_MANAGEMENT.v4
DROP: Final = f"""
    chain input {{ type filter hook input priority 0; ip saddr {AGENT} drop; }}
    chain output {{ type filter hook output priority 0; ip daddr {AGENT} drop; }}"""
REFUSE: Final = f"""
    chain input {{ type filter hook input priority 0; ip saddr {AGENT} meta l4proto tcp reject with tcp reset; }}"""


class Fault(msgspec.Struct, frozen=True):
    """``happen`` does it and returns when it is over."""

    name: str
    happen: Callable[[Host, random.Random], Awaitable[None]]


def faults() -> list[Fault]:
    """All of them."""
    return [
        Fault("kill -9 of a member", _kill_one),
        Fault("kill -9 of all members", _kill_all),
        Fault("kill -9 of two members", _kill_two),
        Fault("SIGTERM of a member", _stop_one),
        Fault("a member frozen", _freeze_one),
        Fault("two members frozen", _freeze_two),
        Fault("packets to and from the store dropped", _drop),
        Fault("connections to the store refused", _refuse),
        Fault("compaction while cut off", _compact_while_cut),
        Fault("compaction and defragmentation", _compact),
        Fault("the agent stopped", _stop_agent),
        Fault("Ready toggled", _toggle_ready),
        Fault("a thousand endpoints come and go", _many),
        Fault("an interface goes down and up", _flap),
        Fault("invalid and large values", _rubbish),
    ]


async def _lasting(source: random.Random) -> None:
    await asyncio.sleep(source.uniform(SHORTEST, LONGEST))


async def _kill(members: Sequence[EtcdServer], source: random.Random) -> None:
    for member in members:
        await asyncio.to_thread(member.kill)
    await _lasting(source)
    for member in members:
        member.launch()


async def _kill_one(host: Host, source: random.Random) -> None:
    await _kill([source.choice(host.members)], source)


async def _kill_two(host: Host, source: random.Random) -> None:
    await _kill(source.sample(host.members, 2), source)


async def _kill_all(host: Host, source: random.Random) -> None:
    await _kill(host.members, source)


async def _stop_one(host: Host, source: random.Random) -> None:
    member = source.choice(host.members)
    await asyncio.to_thread(member.stop)
    await _lasting(source)
    member.launch()


async def _freeze(members: Sequence[EtcdServer], source: random.Random) -> None:
    for member in members:
        member.freeze()
    await _lasting(source)
    for member in members:
        member.thaw()


async def _freeze_one(host: Host, source: random.Random) -> None:
    await _freeze([source.choice(host.members)], source)


async def _freeze_two(host: Host, source: random.Random) -> None:
    await _freeze(source.sample(host.members, 2), source)


async def _cut(host: Host, source: random.Random, chains: str) -> None:
    """Let nftables of the store's namespace get in the way."""
    store = host.network.store
    await asyncio.to_thread(store.run, "nft", "-f", "-", stdin=f"table ip fault {{ {chains}\n}}\n")
    await _lasting(source)
    await asyncio.to_thread(store.run, "nft", "delete", "table", "ip", "fault")


async def _drop(host: Host, source: random.Random) -> None:
    await _cut(host, source, DROP)


async def _refuse(host: Host, source: random.Random) -> None:
    await _cut(host, source, REFUSE)


async def _compact_while_cut(host: Host, source: random.Random) -> None:
    cut = asyncio.create_task(_drop(host, source))
    await asyncio.sleep(1)  # something is written meanwhile
    await asyncio.to_thread(_each_serving, host, EtcdServer.compact, 1)
    await cut


async def _compact(host: Host, _source: random.Random) -> None:
    await asyncio.to_thread(_each_serving, host, EtcdServer.compact, 1)
    await asyncio.to_thread(_each_serving, host, lambda member: member.etcdctl("defrag"), len(host.members))


def _each_serving(host: Host, action: Callable[[EtcdServer], object], count: int) -> None:
    """Do something with so many members, leaving out those that do not answer."""
    for member in host.members:
        if count:
            with contextlib.suppress(EtcdError):
                action(member)
                count -= 1


async def _stop_agent(host: Host, source: random.Random) -> None:
    host.agent.send_signal(signal.SIGSTOP)
    await _lasting(source)
    host.agent.send_signal(signal.SIGCONT)


async def _toggle_ready(host: Host, _source: random.Random) -> None:
    for value in (b"false", None, b"true") * 5:
        await asyncio.to_thread(host.put, [(READY, value)])
        await asyncio.sleep(0.05)
    while not await asyncio.to_thread(host.put, [(READY, b"true")]):
        await asyncio.sleep(0.1)


async def _many(host: Host, _source: random.Random) -> None:
    for start in range(0, MANY, STEP):
        changes = [fleet.many(number) for number in range(start, start + STEP)]
        await asyncio.to_thread(host.put, changes)
    await asyncio.sleep(1)
    while not await asyncio.to_thread(host.delete_range, *fleet.MANY):
        await asyncio.sleep(0.1)


async def _flap(host: Host, source: random.Random) -> None:
    host.network.host.set_link("eth1", up=False)
    await _lasting(source)
    host.network.host.set_link("eth1", up=True)


async def _rubbish(host: Host, source: random.Random) -> None:
    paths = [f"{fleet.POLICY}rubbish{number}" for number in range(3)]
    values = (b"\xff\xfe", b'{"selector": "((("}', b'{"order": 1, "inbound_rules": [' + b" " * LARGE)
    await asyncio.to_thread(host.put, list(zip(paths, values, strict=True)))
    await asyncio.sleep(source.uniform(0, 2))
    while not await asyncio.to_thread(host.put, [(path, None) for path in paths]):
        await asyncio.sleep(0.1)
