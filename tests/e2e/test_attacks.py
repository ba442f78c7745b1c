"""Attacks that have worked once, with real packets: what a workload, a neighbour or a writer of the store may try."""

from __future__ import annotations

import asyncio
import socket
import struct
from ipaddress import ip_address
from typing import Final, Self

import pytest

from catflap.lab.agent import AgentProcess
from catflap.lab.guide import HOSTNAME, document
from catflap.lab.namespaces import Namespace
from catflap.lab.topology import HOST_PUBLIC, MGMT, WEB
from catflap.model import document_path

from .guide_host import GuideHost
from .test_workloads import ALLOW, TWO, Host, policy

PORT: Final = 9000
SENT, FORGED = b"AABB" * 8, b"BBAA" * 8  # the same words in another order, so they have the same checksum
EVERYBODY: Final = "198.51.100.255", b"\xff" * 6
UDP, TCP, FRAGMENT = 17, 6, 44
ETH_P_IP: Final = 0x0800
_HALF: Final = 24  # bytes of a datagram in its first fragment; fragments begin at multiples of 8
_ETHERNET: Final = {4: b"\x08\x00", 6: b"\x86\xdd"}


class Flow:
    """Builds packets from one address to another."""

    def __init__(self, source: str, destination: str) -> None:
        self._ends = ip_address(source).packed + ip_address(destination).packed
        self._is_ipv4 = ":" not in source

    def fragments(self, data: bytes) -> tuple[bytes, bytes]:
        """A UDP datagram in two fragments."""
        whole = self._with_checksum(UDP, struct.pack("!HHHH", PORT, PORT, 8 + len(data), 0) + data, 6)
        first, last = whole[:_HALF], whole[_HALF:]
        if self._is_ipv4:
            return self._ipv4(UDP, first, 0x2000), self._ipv4(UDP, last, _HALF // 8)
        headers = (struct.pack("!BBHI", UDP, 0, place, 1) for place in (1, _HALF))
        return self._ipv6(FRAGMENT, next(headers) + first), self._ipv6(FRAGMENT, next(headers) + last)

    def syn(self) -> bytes:
        """The first packet of a TCP connection over IPv4."""
        return self._ipv4(
            TCP, self._with_checksum(TCP, struct.pack("!HHIIHHI", PORT, 80, 1, 0, 0x5002, 1, 0), 16)
        )

    def _with_checksum(self, protocol: int, segment: bytes, place: int) -> bytes:
        value = _checksum(self._ends + struct.pack("!II", len(segment), protocol) + segment)
        return segment[:place] + struct.pack("!H", value) + segment[place + 2 :]

    def _ipv4(self, protocol: int, payload: bytes, fragment: int = 0) -> bytes:
        start = struct.pack("!BBHHHBB", 0x45, 0, 20 + len(payload), 1, fragment, 64, protocol)
        return start + struct.pack("!H", _checksum(start + self._ends)) + self._ends + payload

    def _ipv6(self, protocol: int, payload: bytes) -> bytes:
        return struct.pack("!IHBB", 6 << 28, len(payload), protocol, 64) + self._ends + payload


def _checksum(data: bytes) -> int:
    total: int = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


class Wire:
    """Sends packets as they are out of the interface ``eth0``, and sees what comes in by it."""

    def __init__(self, namespace: Namespace, peer: bytes) -> None:
        self._peer, self._own = peer, mac(namespace, "eth0")
        self._socket = namespace.socket(socket.AF_PACKET, socket.SOCK_RAW)
        self._socket.settimeout(5)
        self._socket.bind(("eth0", ETH_P_IP))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def send(self, packet: bytes, peer: bytes | None = None) -> None:
        self._socket.send((peer or self._peer) + self._own + _ETHERNET[packet[0] >> 4] + packet)

    def next_tcp(self) -> bytes:
        """The next IPv4 packet with TCP in it that comes in."""
        while True:
            frame: bytes = self._socket.recv(2000)
            if frame[23] == TCP:
                return frame[14:]


def mac(namespace: Namespace, interface: str) -> bytes:
    text = namespace.run("cat", f"/sys/class/net/{interface}/address")
    return bytes.fromhex(text.strip().replace(":", ""))


async def has_route(host: Namespace, address: str, interface: str) -> None:
    """Wait for the route to a workload, which is set up beside enforcement."""
    family = "-6" if ":" in address else "-4"
    async with asyncio.timeout(5):
        while f"{address} " not in host.run("ip", family, "route", "show", "dev", interface):
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("version", [0, 1], ids=["ipv4", "ipv6"])
async def test_a_forged_fragment_never_gets_into_the_datagram_of_somebody_else(
    guide3: GuideHost, agent3: AgentProcess, version: int
) -> None:
    host = Host(guide3, agent3)
    deny = [{"action": "Deny"}]
    host.put(
        host.one.resource(),
        host.two.resource(),
        policy("one", "app == 'app1'", ingress=deny, egress=deny),
        policy("two", "app == 'app2'", ingress=ALLOW, egress=ALLOW),
    )
    await has_route(guide3.host, TWO[version], "cali2")
    flow = Flow(MGMT[version], TWO[version])
    with (
        Wire(guide3.network.mgmt, mac(guide3.host, "eth0")) as mgmt,
        Wire(host.one.namespace, mac(guide3.host, "cali1")) as attacker,
        host.two.namespace.socket(socket.AF_INET6 if version else socket.AF_INET, socket.SOCK_DGRAM) as two,
    ):
        two.settimeout(5)
        two.bind((TWO[version], PORT))
        attacker.send(flow.fragments(FORGED)[1])
        for part in flow.fragments(SENT):
            mgmt.send(part)
        assert two.recv(100) == SENT


async def test_what_is_sent_to_everybody_is_not_answered(guide3: GuideHost, agent3: AgentProcess) -> None:
    host_endpoint = document("HostEndpoint", "public", node=HOSTNAME, interfaceName="eth1")
    guide3.put(document_path(host_endpoint), host_endpoint)
    early = policy(
        "early", "all()", preDNAT=True, applyOnForward=True, types=["Ingress"], ingress=[{"action": "Reject"}]
    )
    guide3.enforced(agent3, lambda: guide3.put(document_path(early), early))
    address, all_hosts = EVERYBODY
    with Wire(guide3.network.web, mac(guide3.host, "eth1")) as web:
        web.send(Flow(WEB.v4, address).syn(), all_hosts)
        web.send(Flow(WEB.v4, HOST_PUBLIC.v4).syn())
        answer = web.next_tcp()
    assert str(ip_address(answer[12:16])) == HOST_PUBLIC.v4
    assert answer[33] & 0x04, "this is no reset"


async def test_a_rule_may_name_any_number_of_ports(guide3: GuideHost, agent3: AgentProcess) -> None:
    names = [f"port{number}" for number in range(200)]
    ports = [{"name": name, "protocol": "TCP", "port": 80 + index} for index, name in enumerate(names)]
    host_endpoint = document(
        "HostEndpoint",
        "public",
        node=HOSTNAME,
        interfaceName="eth1",
        expectedIPs=list(HOST_PUBLIC),
        ports=ports,
    )
    guide3.put(document_path(host_endpoint), host_endpoint)
    allowed = {"action": "Allow", "protocol": "TCP"}
    ends = {"source": {"notPorts": names[100:]}, "destination": {"ports": names[:100]}}
    many = policy("many", "all()", types=["Ingress"], ingress=[{**allowed, **ends}])
    guide3.enforced(agent3, lambda: guide3.put(document_path(many), many))
    await guide3.expect(guide3.network.web, HOST_PUBLIC, "tcp", 80, v4=True, v6=True)
    await guide3.expect(guide3.network.web, HOST_PUBLIC, "tcp", 443, v4=False, v6=False)
