"""Connections that are older than the first rule are known to conntrack afterwards, whatever they do next."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator

import pytest

from catflap.lab.flows import HeldConnection
from catflap.lab.listeners import Listeners
from catflap.lab.topology import HOST_MANAGEMENT, MGMT, GuideNetwork

FIRST_RULE = "add table inet t; add chain inet t c; add rule inet t c ct state established accept"
POLICE = """add rule inet t c drop
add chain inet t in { type filter hook input priority 0 ; }
add chain inet t out { type filter hook output priority 0 ; }
add rule inet t in iifname eth0 jump c
add rule inet t out oifname eth0 jump c
"""


@pytest.fixture
async def listeners(network: GuideNetwork) -> AsyncIterator[Listeners]:
    async with Listeners() as made:
        await made.listen(network.host, tcp=(80,))
        await made.listen(network.mgmt, tcp=(80,))
        yield made


def track(network: GuideNetwork) -> tuple[int, int]:
    found, added = network.host.run(sys.executable, "-m", "catflap.host.connections").split()
    return int(found), int(added)


@pytest.mark.parametrize("version", [4, 6])
@pytest.mark.usefixtures("listeners")
async def test_connections_of_both_directions_live_on(network: GuideNetwork, version: int) -> None:
    there, here = (HOST_MANAGEMENT.v4, MGMT.v4) if version == 4 else (HOST_MANAGEMENT.v6, MGMT.v6)
    held = [
        await HeldConnection.open(network.mgmt, there, 80),
        await HeldConnection.open(network.host, here, 80),
    ]
    network.host.run("nft", FIRST_RULE)
    assert track(network) == (2, 2)
    network.host.run("nft", "-f", "-", stdin=POLICE)
    for connection in held:
        assert await connection.carries_data()
        connection.close()


@pytest.mark.usefixtures("listeners")
async def test_known_connections_are_left_as_they_are(network: GuideNetwork) -> None:
    network.host.run("nft", FIRST_RULE)
    held = await HeldConnection.open(network.mgmt, HOST_MANAGEMENT.v4, 80)
    assert track(network) == (1, 0)
    held.close()


def test_without_connections_there_is_nothing_to_do(network: GuideNetwork) -> None:
    network.host.run("nft", FIRST_RULE)
    assert track(network) == (0, 0)
