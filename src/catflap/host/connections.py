"""Makes conntrack know the TCP connections that local sockets already have.

The kernel tracks connections only from the moment that some rule asks for their state. On a host where nothing else
did, a connection older than our first rule would look like a new one in mid-stream and be denied. So when the first
rule set is put in force, every established socket gets the conntrack entry that it would have had. Entries that exist
are never changed, and nothing is ever deleted.
"""

from __future__ import annotations

import errno
import ipaddress
import socket
from collections.abc import Iterable, Iterator
from typing import Final

import msgspec
from pyroute2 import DiagSocket
from pyroute2.netlink.diag import SS_CLOSE_WAIT, SS_ESTABLISHED, SS_FIN_WAIT1, SS_FIN_WAIT2
from pyroute2.netlink.exceptions import NetlinkError
from pyroute2.netlink.nfnetlink.nfctsocket import NFCTAttrTuple, NFCTSocket

_TIMEOUT: Final = 432_000  # seconds: the kernel's own for established TCP connections
_STATUS: Final = 0x2 | 0x4 | 0x8  # IPS_SEEN_REPLY, IPS_ASSURED, IPS_CONFIRMED
_ESTABLISHED: Final = 3  # TCP_CONNTRACK_ESTABLISHED
_LIBERAL: Final = (0x08, 0x08)  # IP_CT_TCP_FLAG_BE_LIBERAL and its mask: sequence numbers so far are unknown
_TCP: Final = (
    ("CTA_PROTOINFO_TCP_STATE", _ESTABLISHED),
    ("CTA_PROTOINFO_TCP_FLAGS_ORIGINAL", {"value": _LIBERAL}),
    ("CTA_PROTOINFO_TCP_FLAGS_REPLY", {"value": _LIBERAL}),
)
_STATES: Final = (1 << SS_ESTABLISHED) | (1 << SS_CLOSE_WAIT) | (1 << SS_FIN_WAIT1) | (1 << SS_FIN_WAIT2)


class Connection(msgspec.Struct, frozen=True):
    """An established TCP connection of a local socket; addresses are canonical text."""

    local: str
    local_port: int
    remote: str
    remote_port: int

    @property
    def family(self) -> socket.AddressFamily:
        """The address family of both ends."""
        return socket.AF_INET6 if ":" in self.local else socket.AF_INET


def established_connections() -> list[Connection]:
    """The TCP connections of this network namespace's sockets, those over loopback left out."""
    with DiagSocket() as diagnostics:
        diagnostics.bind()
        found = [
            connection
            for family in (socket.AF_INET, socket.AF_INET6)
            for connection in _connections(
                diagnostics.get_sock_stats(family=family, states=_STATES, protocol=socket.IPPROTO_TCP)
            )
        ]
    return [each for each in found if not ipaddress.ip_address(each.local).is_loopback]


def _connections(messages: Iterable[dict[str, object]]) -> Iterator[Connection]:
    for message in messages:
        yield Connection(
            _canonical(message["idiag_src"]),
            int(str(message["idiag_sport"])),
            _canonical(message["idiag_dst"]),
            int(str(message["idiag_dport"])),
        )


def _canonical(address: object) -> str:
    """An IPv4 address may stand in an IPv6 socket; packets then are IPv4."""
    parsed = ipaddress.ip_address(str(address))
    mapped = parsed.ipv4_mapped if isinstance(parsed, ipaddress.IPv6Address) else None
    return str(mapped or parsed)


def track_connections(connections: Iterable[Connection]) -> int:
    """Add a conntrack entry for each connection that has none.

    Returns:
        How many were added.

    Raises:
        OSError: the kernel refuses, for another reason than that the entry exists.
    """
    added = 0
    wanted = list(connections)
    for family in (socket.AF_INET, socket.AF_INET6):
        with NFCTSocket(nfgen_family=family) as conntrack:
            added += sum(_track(conntrack, each) for each in wanted if each.family is family)
    return added


def _track(conntrack: NFCTSocket, connection: Connection) -> bool:
    original = NFCTAttrTuple(
        family=connection.family,
        saddr=connection.remote,
        daddr=connection.local,
        proto=socket.IPPROTO_TCP,
        sport=connection.remote_port,
        dport=connection.local_port,
    )
    try:
        conntrack.entry(
            "add",
            timeout=_TIMEOUT,
            status=_STATUS,
            tuple_orig=original,
            tuple_reply=original.reverse(),
            protoinfo={"attrs": [("CTA_PROTOINFO_TCP", {"attrs": list(_TCP)})]},
        )
    except NetlinkError as error:
        if error.code == errno.EEXIST:
            return False
        raise OSError(error.code, f"cannot track {connection}: {error}") from error
    return True


def main() -> None:
    """Track what this namespace's sockets have, and print how many connections there are and how many were added."""
    connections = established_connections()
    print(len(connections), track_connections(connections))  # noqa: T201  # the answer to who started it


if __name__ == "__main__":
    main()
