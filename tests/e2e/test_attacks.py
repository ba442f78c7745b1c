"""Attacks that have worked once, with real packets: what a workload, a neighbour or a writer of the store may try."""

from __future__ import annotations

import socket
import struct
from ipaddress import ip_address
from typing import Final

import pytest

from catflap.lab.agent import AgentProcess
from catflap.lab.guide import HOSTNAME, document
from catflap.lab.namespaces import Namespace
from catflap.lab.topology import HOST_PUBLIC, MGMT, WEB
from catflap.model import document_path

from .guide_host import GuideHost
from .test_workloads import ALLOW, TWO, Host, policy

PORT: Final = 9000
MINE, FORGED = b"A" * 32, b"FORGED" * 5 + b"!!"
BROADCAST: Final = "198.51.100.255"
_HALF: Final = 24  # bytes of the UDP datagram in its first fragment; fragments begin at multiples of 8
_ETHERNET: Final = {4: b"\x08\x00", 6: b"\x86\xdd"}


def checksum(data: bytes) -> int:
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def ipv4(source: str, destination: str, protocol: int, payload: bytes, identity: int = 1, part: int = 0) -> bytes:
    """A packet; ``part`` is the field of fragment flags and offset."""
    ends = ip_address(source).packed + ip_address(destination).packed
    first = struct.pack("!BBHHHBB", 0x45, 0, 20 + len(payload), identity, part, 64, protocol)
    return first + struct.pack("!H", checksum(first + b"\0\0" + ends)) + ends + payload


def ipv6(source: str, destination: str, protocol: int, payload: bytes) -> bytes:
    ends = ip_address(source).packed + ip_address(destination).packed
    return struct.pack("!IHBB", 6 << 28, len(payload), protocol, 64) + ends + payload


def fragments(source: str, destination: str, data: bytes, identity: int) -> tuple[bytes, bytes]:
    """A UDP datagram in two fragments; its checksum does not know of ``FORGED``, so over IPv4 there is none."""
    length = 8 + len(data)
    if ":" not in source:
        whole = struct.pack("!HHHH", PORT, PORT, length, 0) + data
        parts = ((whole[:_HALF], 0x2000), (whole[_HALF:], _HALF // 8))
        first, last = (ipv4(source, destination, 17, text, identity, part) for text, part in parts)
        return first, last
    ends = ip_address(source).packed + ip_address(destination).packed
    body = struct.pack("!HHH", PORT, PORT, length)
    seen = body + b"\0\0" + MINE[: _HALF - 8] + FORGED[_HALF - 8 :]  # what the attacker wants to be believed
    whole = body + struct.pack("!H", checksum(ends + struct.pack("!II", length, 17) + seen)) + data
    parts = ((whole[:_HALF], 1), (whole[_HALF:], _HALF))
    first, last = (
        ipv6(source, destination, 44, struct.pack("!BBHI", 17, 0, part, identity) + text) for text, part in parts
    )
    return first, last


class Wire:
    """Sends frames as they are from an interface ``eth0`` to the next hop's MAC address, or another one."""

    def __init__(self, sender: Namespace, next_hop: bytes) -> None:
        self.own = mac(sender, "eth0")
        self._next_hop = next_hop
        self.socket = sender.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
        self.socket.bind(("eth0", 0))

    def send(self, packet: bytes, to: bytes | None = None) -> None:
        self.socket.send((to or self._next_hop) + self.own + _ETHERNET[packet[0] >> 4] + packet)


def mac(namespace: Namespace, interface: str) -> bytes:
    return bytes.fromhex(namespace.run("cat", f"/sys/class/net/{interface}/address").strip().replace(":", ""))


def receiver(namespace: Namespace, address: str) -> socket.socket:
    made = namespace.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM)
    made.settimeout(5)
    made.bind((address, PORT))
    return made


@pytest.mark.parametrize("version", [0, 1], ids=["ipv4", "ipv6"])
async def test_a_forged_fragment_never_gets_into_the_datagram_of_somebody_else(
    guide3: GuideHost, agent3: AgentProcess, version: int
) -> None:
    host = Host(guide3, agent3)
    host.put(
        host.one.resource(),
        host.two.resource(),
        policy("one", "app == 'app1'", ingress=[{"action": "Deny"}], egress=[{"action": "Deny"}]),
        policy("two", "app == 'app2'", ingress=ALLOW, egress=ALLOW),
    )
    source, destination = MGMT[version], TWO[version]
    mgmt = Wire(guide3.network.mgmt, mac(guide3.host, "eth0"))
    attacker = Wire(host.one.namespace, mac(guide3.host, "cali1"))
    with receiver(host.two.namespace, destination) as two:
        attacker.send(fragments(source, destination, FORGED, 1)[1])
        for part in fragments(source, destination, MINE, 1)[:1]:
            mgmt.send(part)
        for part in fragments(source, destination, MINE, 2) if version == 0 else ():
            mgmt.send(part)
