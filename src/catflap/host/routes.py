"""Asks the kernel which way packets go, and which addresses are this host's own. It changes nothing.

A question is about the route itself (RTM_F_FIB_MATCH): where one has several next hops, all of them are told.
"""

from __future__ import annotations

import errno
import socket
import struct
import sys
from collections.abc import Iterator
from typing import Final, Self

import msgspec

from catflap.host.netlink import NetlinkSocket, aligned, attribute, attributes

_GET_ROUTE: Final = 26
_FIB_MATCH: Final = 0x2000
# family, lengths of destination and source, type of service, table, protocol, scope, type, flags
_ROUTE: Final = struct.Struct("=BBBBBBBBI")
_HOP: Final = struct.Struct("=HBBi")  # struct rtnexthop: length, flags, hops, interface
_DESTINATION, _SOURCE, _IN, _OUT, _GATEWAY, _MULTIPATH, _VIA = 1, 2, 3, 4, 5, 9, 18
_UNICAST: Final = 1
_BY_KERNEL: Final = 2  # RTPROT_KERNEL: the route to a link's own network
_NO_ROUTE: Final = frozenset(
    {
        errno.ENETUNREACH,
        errno.EHOSTUNREACH,
        errno.EACCES,
        errno.EINVAL,
        errno.EXDEV,
        errno.ENODEV,
        errno.EAGAIN,
    }
)


class Route(msgspec.Struct, frozen=True):
    """The way to an address.

    Attributes:
        interfaces: the indexes of those that packets may take.
        on_link: the address is that of a neighbour: it is reached without a router, and no other way.
    """

    interfaces: tuple[int, ...]
    on_link: bool = False


class Routes:
    """The routes of the network namespace that the creating thread is in, as they are when asked about.

    Raises:
        OSError: The kernel refuses a netlink socket.
    """

    def __init__(self) -> None:
        self._kernel = NetlinkSocket(socket.NETLINK_ROUTE, "rtnetlink")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._kernel.close()

    def route(
        self,
        destination: str,
        source: str | None = None,
        arriving: int | None = None,
        leaving: int | None = None,
    ) -> Route | None:
        """The way to an address; None where there is none, or it leads to this host, to everybody or to nobody.

        Args:
            destination: where to.
            source: where from.
            arriving: the index of the interface by which the packets arrive; None for this host's own.
            leaving: only routes by the interface with this index count.

        Raises:
            OSError: The kernel refuses.
        """
        family = socket.AF_INET6 if ":" in destination else socket.AF_INET
        bits = 128 if family == socket.AF_INET6 else 32
        body = _ROUTE.pack(family, bits, bits if source else 0, 0, 0, 0, 0, 0, _FIB_MATCH)
        body += attribute(_DESTINATION, socket.inet_pton(family, destination))
        if source is not None:
            body += attribute(_SOURCE, socket.inet_pton(family, source))
        if arriving is not None:
            body += attribute(_IN, struct.pack("=I", arriving))
        if leaving is not None:
            body += attribute(_OUT, struct.pack("=I", leaving))
        try:
            return route(self._kernel.get(_GET_ROUTE, body))
        except OSError as error:
            if error.errno in _NO_ROUTE:
                return None
            raise


def route(payload: bytes) -> Route | None:
    """The route that the payload of an RTM_NEWROUTE message describes, as `Routes.route` tells it."""
    family, length, _, _, _, protocol, _, kind, _ = _ROUTE.unpack_from(payload)
    found = attributes(payload, _ROUTE.size)
    if kind != _UNICAST:
        return None
    if _MULTIPATH in found:
        return Route(tuple(dict.fromkeys(_next_hops(found[_MULTIPATH]))))
    if _OUT not in found:
        return None
    alone = length == (128 if family == socket.AF_INET6 else 32)
    return Route(
        (int.from_bytes(found[_OUT], sys.byteorder),),
        on_link=_GATEWAY not in found and _VIA not in found and (alone or protocol == _BY_KERNEL),
    )


def _next_hops(data: bytes) -> Iterator[int]:
    offset = 0
    while offset + _HOP.size <= len(data):
        length, _, _, interface = _HOP.unpack_from(data, offset)
        yield interface
        offset += aligned(length)
