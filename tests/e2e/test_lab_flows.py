from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from catflap.lab.flows import HeldConnection
from catflap.lab.listeners import Listeners
from catflap.lab.topology import HOST_PUBLIC

if TYPE_CHECKING:
    from catflap.lab.topology import GuideNetwork

BLOCK = "table inet mine { chain input { type filter hook input priority 0; tcp dport 80 drop; }; }"


@pytest.mark.parametrize("address", HOST_PUBLIC)
async def test_a_held_connection_tells_whether_it_still_works(network: GuideNetwork, address: str) -> None:
    async with Listeners() as listeners:
        await listeners.listen(network.host, tcp=[80])
        with closing(await HeldConnection.open(network.web, address, 80)) as held:
            assert await held.carries_data()
            assert await held.carries_data()
            network.host.run("nft", "-f", "-", stdin=BLOCK)
            assert not await held.carries_data(silence=0.2)
            network.host.run("nft", "delete", "table", "inet", "mine")
            assert await held.carries_data(silence=5)


async def test_a_connection_that_the_other_end_dropped_carries_nothing(network: GuideNetwork) -> None:
    async with Listeners() as listeners:
        await listeners.listen(network.host, tcp=[80])
        with closing(await HeldConnection.open(network.web, HOST_PUBLIC.v4, 80)) as held:
            assert await held.carries_data()
            listeners.close()
            assert not await held.carries_data()


async def test_connecting_where_nobody_listens_is_an_error(network: GuideNetwork) -> None:
    with pytest.raises(ConnectionRefusedError):
        await HeldConnection.open(network.web, HOST_PUBLIC.v4, 80)


async def test_connecting_against_silence_is_an_error(network: GuideNetwork) -> None:
    network.host.run("nft", "-f", "-", stdin=BLOCK)
    with pytest.raises(TimeoutError):
        await HeldConnection.open(network.web, HOST_PUBLIC.v4, 80, silence=0.1)
