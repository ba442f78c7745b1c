"""Reads links and addresses from the kernel over rtnetlink (RFC 3549, rtnetlink(7)).

Written here because a list must be whole: pyroute2 0.9.7 does not look at the flag that tells that it is not. And
because everything is read after each change, which must not delay the agent: 10,000 addresses take 56 ms, and nothing
is imported for it, where pyroute2 takes 350 to 620 ms and adds 13 MB to the agent.
It must never change anything.
"""

from __future__ import annotations

import os
import socket
import struct
import sys
from collections import defaultdict
from ipaddress import IPv4Address, IPv6Address
from typing import TYPE_CHECKING, Final

from msgspec import structs

from catflap.host.api import Interface, Interfaces
from catflap.host.netlink import NetlinkSocket, attributes

if TYPE_CHECKING:
    from collections.abc import Iterator

RTM_GETLINK: Final = 18
RTM_GETADDR: Final = 22
RTMGRP_LINK: Final = 0x1
RTMGRP_IPV4_IFADDR: Final = 0x10
RTMGRP_IPV6_IFADDR: Final = 0x100

# Switched on and, as far as its driver tells, with a carrier. (The operational state of RFC 2863 is "unknown" where the
# driver does not tell, as with the tap devices of virtual machines.)
IFF_RUNNING: Final = 0x40
IFLA_IFNAME: Final = 3
IFLA_MASTER: Final = 10
IFLA_EXT_MASK: Final = 29
IFLA_CARRIER_CHANGES: Final = 35
RTEXT_FILTER_SKIP_STATS: Final = 8
IFA_ADDRESS: Final = 1
IFA_LOCAL: Final = 2

LINK: Final = struct.Struct("=BxHiII")  # family, type, index, flags, changed flags
ADDRESS: Final = struct.Struct("=BBBBI")  # family, prefix length, flags, scope, index


class InterruptedDumpError(Exception):
    """Links or addresses changed while they were listed, so the list may lack some: list them again."""


def link(payload: bytes) -> Interface:
    """The interface, without addresses, that the payload of an RTM_NEWLINK message describes."""
    _, _, index, flags, _ = LINK.unpack_from(payload)
    found = attributes(payload, LINK.size)
    name = os.fsdecode(found[IFLA_IFNAME].rstrip(b"\0"))
    return Interface(
        index,
        name,
        up=bool(flags & IFF_RUNNING),
        carrier_changes=_number(found.get(IFLA_CARRIER_CHANGES)),
        master=_number(found.get(IFLA_MASTER)),
    )


def address(payload: bytes) -> tuple[int, str]:
    """Interface index and canonical address that the payload of an RTM_NEWADDR message describes.

    On a point-to-point link IFA_ADDRESS is the other end, and IFA_LOCAL the address of this one.
    """
    family, _, _, _, index = ADDRESS.unpack_from(payload)
    found = attributes(payload, ADDRESS.size)
    raw = found.get(IFA_LOCAL) or found[IFA_ADDRESS]
    return index, str(IPv4Address(raw) if family == socket.AF_INET else IPv6Address(raw))


class Rtnetlink:
    """Reads the interfaces of the network namespace that the creating thread was in.

    Raises:
        OSError: The kernel refuses a netlink socket.
    """

    def __init__(self) -> None:
        self._socket = NetlinkSocket(socket.NETLINK_ROUTE, "rtnetlink")

    def interfaces(self) -> Interfaces:
        """All interfaces with their addresses. The kernel answers at once: this never waits.

        Raises:
            InterruptedDumpError: There were changes in the meantime; ask again.
            OSError: The kernel refuses.
        """
        links = [link(payload) for payload in self._dump(RTM_GETLINK, _ALL_LINKS)]
        addresses: defaultdict[int, set[str]] = defaultdict(set)
        for payload in self._dump(RTM_GETADDR, _ALL_ADDRESSES):
            index, text = address(payload)
            addresses[index].add(text)
        return {
            found.name: structs.replace(found, addresses=frozenset(addresses[found.index])) for found in links
        }

    def close(self) -> None:
        """Give the socket back."""
        self._socket.close()

    def _dump(self, request: int, body: bytes) -> Iterator[bytes]:
        """The payloads of all messages; the whole list is read before anybody learns that it was interrupted."""
        interrupted = False
        for piece in self._socket.dump(request, body):
            interrupted = interrupted or piece.interrupted
            yield from piece.payloads
        if interrupted:
            raise InterruptedDumpError


def subscribe() -> socket.socket:
    """A non-blocking socket that receives a message for each change of a link or address, from now on."""
    events = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE)
    events.bind((0, RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR))
    events.settimeout(0)
    return events


_ALL_LINKS: Final = LINK.pack(0, 0, 0, 0, 0) + struct.pack("=HHI", 8, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS)
_ALL_ADDRESSES: Final = ADDRESS.pack(0, 0, 0, 0, 0)


def _number(value: bytes | None) -> int:
    """An attribute that holds a number; 0 where it is missing."""
    return int.from_bytes(value or b"", sys.byteorder)
