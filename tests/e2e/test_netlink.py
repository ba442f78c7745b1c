"""Conntrack entries, sockets and routes, as the kernel tells of them; and that only what is meant is ended."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator

import pytest

from catflap.host.conntrack import Conntrack, Entry, FlowTuple
from catflap.host.routes import Route, Routes
from catflap.host.sockets import Listener, Sockets
from catflap.lab.flows import HeldConnection
from catflap.lab.listeners import Listeners
from catflap.lab.topology import HOST_MANAGEMENT, MGMT, WEB, GuideNetwork

TRACK = "add table inet t; add chain inet t c; add rule inet t c ct state established accept"
TCP, UDP = socket.IPPROTO_TCP, socket.IPPROTO_UDP


@pytest.fixture
async def listeners(network: GuideNetwork) -> AsyncIterator[Listeners]:
    async with Listeners() as made:
        await made.listen(network.host, tcp=(80,), udp=(53,))
        network.host.run("nft", TRACK)
        yield made


def entries(network: GuideNetwork) -> list[Entry]:
    with network.host.entered(), Conntrack() as conntrack:
        return [entry for part in conntrack.entries() for entry in part]


@pytest.mark.parametrize("version", [4, 6])
@pytest.mark.usefixtures("listeners")
async def test_an_entry_is_listed_found_and_deleted_only_as_itself(
    network: GuideNetwork, version: int
) -> None:
    here, there = (HOST_MANAGEMENT.v4, MGMT.v4) if version == 4 else (HOST_MANAGEMENT.v6, MGMT.v6)
    held = await HeldConnection.open(network.mgmt, here, 80)
    (entry,) = entries(network)
    port = entry.original.source_port
    assert entry.original == FlowTuple(there, here, TCP, port, 80)
    assert entry.reply == entry.original.reversed
    assert not entry.picked_up
    with network.host.entered(), Conntrack() as conntrack:
        other = Entry(
            entry.original, entry.reply, family=entry.family, id=b"\0\1\2\3", original_key=entry.original_key
        )
        assert conntrack.holds(entry)
        assert not conntrack.holds(other)
        assert not conntrack.delete(other)
        assert conntrack.delete(entry)
        assert not conntrack.delete(entry)
        assert not conntrack.holds(entry)
        assert await held.carries_data()  # tcp_loose: in mid-stream, so nobody knows who began
        (again,) = entries(network)
        assert again.picked_up
    held.close()


@pytest.mark.usefixtures("listeners")
async def test_the_socket_of_a_connection_is_closed_and_never_the_server(network: GuideNetwork) -> None:
    held = await HeldConnection.open(network.mgmt, HOST_MANAGEMENT.v4, 80)
    (entry,) = entries(network)
    with network.host.entered(), Sockets() as sockets:
        assert Listener(None, 80) in sockets.listeners()
        unknown = FlowTuple(HOST_MANAGEMENT.v4, MGMT.v4, TCP, 80, 9)
        assert sockets.close(unknown, 0) == 0
        assert sockets.close(entry.reply, 0) == 1
        assert sockets.close(entry.reply, 0) == 0
    assert not await held.carries_data()
    held.close()
    after = await HeldConnection.open(network.mgmt, HOST_MANAGEMENT.v4, 80)
    assert await after.carries_data()
    after.close()


@pytest.mark.usefixtures("listeners")
def test_of_datagram_sockets_only_those_of_one_peer_are_closed(network: GuideNetwork) -> None:
    with network.host.socket(socket.AF_INET, socket.SOCK_DGRAM) as connected:
        connected.connect((MGMT.v4, 9))
        port = connected.getsockname()[1]
        with network.host.entered(), Sockets() as sockets:
            assert sockets.close(FlowTuple(HOST_MANAGEMENT.v4, MGMT.v4, UDP, 53, 9), 0) == 0
            assert sockets.close(FlowTuple(HOST_MANAGEMENT.v4, MGMT.v4, UDP, port, 9), 0) == 1
            assert sockets.close(FlowTuple(HOST_MANAGEMENT.v4, MGMT.v4, 1), 0) == 0


def test_routes_tell_every_interface_that_packets_may_take(network: GuideNetwork) -> None:
    network.set_forwarding(enabled=True)
    network.host.ip(
        f"route add 10.0.0.0/8 nexthop via {MGMT.v4} dev eth0 nexthop via {WEB.v4} dev eth1",
        "route add 10.65.0.1/32 dev eth1 scope link",
        "route add 10.66.0.0/16 dev eth1",
        f"route add default via {WEB.v4}",
        "route add blackhole 10.67.0.0/16",
    )
    with network.host.entered(), Routes() as routes:
        eth0, eth1 = socket.if_nametoindex("eth0"), socket.if_nametoindex("eth1")
        assert routes.route(MGMT.v4, HOST_MANAGEMENT.v4) == Route((eth0,), on_link=True)
        assert routes.route(WEB.v6) == Route((eth1,), on_link=True)
        assert routes.route("10.1.2.3") == Route((eth0, eth1))
        assert routes.route("10.65.0.1") == Route((eth1,), on_link=True)
        assert routes.route("10.66.0.1") == Route((eth1,))
        assert routes.route("203.0.113.1") == Route((eth1,))
        assert routes.route(MGMT.v4, WEB.v4, arriving=eth1) == Route((eth0,), on_link=True)
        assert routes.route(MGMT.v4, leaving=eth0) == Route((eth0,), on_link=True)
        for nowhere in (HOST_MANAGEMENT.v4, "127.0.0.1", "224.0.0.1", "10.67.0.1", "192.0.2.255", "ff02::1"):
            assert routes.route(nowhere) is None
