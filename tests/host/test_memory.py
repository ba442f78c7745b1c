from __future__ import annotations

import asyncio
from contextlib import aclosing

from catflap.host import Interface, MemoryInterfaces

ETH0 = Interface(2, "eth0", addresses=frozenset({"192.0.2.1"}))
ETH1 = Interface(3, "eth1")


async def test_a_follower_gets_what_there_is_and_then_every_change() -> None:
    memory = MemoryInterfaces([ETH0])
    async with aclosing(memory.follow()) as follower:
        assert await anext(follower) == {"eth0": ETH0}
        memory.set([ETH0, ETH1])
        assert await anext(follower) == {"eth0": ETH0, "eth1": ETH1}
        memory.set([])
        assert await anext(follower) == {}


async def test_setting_the_same_again_is_no_change() -> None:
    memory = MemoryInterfaces([ETH0])
    async with aclosing(memory.follow()) as follower:
        await anext(follower)
        memory.set([ETH0])
        memory.set([ETH1])
        assert await anext(follower) == {"eth1": ETH1}


async def test_all_followers_are_told() -> None:
    memory = MemoryInterfaces()
    async with aclosing(memory.follow()) as one, aclosing(memory.follow()) as other:
        assert await anext(one) == await anext(other) == {}
        waiting = [asyncio.ensure_future(anext(follower)) for follower in (one, other)]
        await asyncio.sleep(0)
        memory.set([ETH1])
        assert [await each for each in waiting] == [{"eth1": ETH1}, {"eth1": ETH1}]


async def test_close_ends_a_waiting_follower() -> None:
    memory = MemoryInterfaces()
    async with aclosing(memory.follow()) as follower:
        await anext(follower)
        waiting = asyncio.ensure_future(anext(follower, None))
        await asyncio.sleep(0)
        await memory.close()
        assert await waiting is None
