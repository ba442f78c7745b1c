"""Brings packets to and from the workloads of this host: routes, proxy ARP, proxy neighbour discovery.

A workload's interface leads to nothing but the workload: the host has a route to each of its addresses, and answers for
all other addresses itself, so that the workload needs no gateway on its link (documented behaviour of the old system).
Only interfaces that the caller names are touched, and no setting of the whole host.

pyroute2 does it, imported on first use: a host without workloads does not pay for its 13 MB.
"""

from __future__ import annotations

import errno
import socket
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from catflap.host.api import Interfaces

if TYPE_CHECKING:
    from pyroute2 import IPRoute

_SYSCTLS: Final = Path("/proc/sys/net")
_MAIN_TABLE: Final = 254
_PROXY: Final = 0x08  # NTF_PROXY
_VANISHED: Final = frozenset({errno.ENODEV, errno.ENXIO, errno.ENOENT, errno.ENETDOWN})


class WorkloadLink(msgspec.Struct, frozen=True):
    """What one interface needs. Addresses are canonical text; ``mac`` is the workload's, where it is known.

    ``gateway6`` is the address that the host answers neighbour solicitations for.
    """

    addresses: tuple[str, ...]
    mac: str | None = None
    gateway6: str | None = None


class WorkloadLinks:
    """Sets interfaces up and takes that down again, doing only what changed since the last call.

    It works in the network namespace of the calling thread, and blocks: milliseconds for each interface that changed.
    """

    def __init__(self) -> None:
        self._done: dict[str, tuple[int, int, WorkloadLink | None]] = {}

    def reconcile(self, wanted: Mapping[str, WorkloadLink | None], interfaces: Interfaces) -> list[str]:
        """Bring interfaces to what is wanted; None stands for an interface that must lead nowhere.

        An interface that is down leads nowhere, either, and is set up when it comes up.

        Returns:
            A sentence for each interface that could not be set up; the next call tries it again.
        """
        problems = []
        for name in self._done.keys() - wanted.keys():
            del self._done[name]
        for name, link in wanted.items():
            interface = interfaces.get(name)
            if interface is None:
                self._done.pop(name, None)
                continue
            state = interface.index, interface.carrier_changes, link if interface.up else None
            if self._done.get(name) != state:
                last = self._done.pop(name, None)
                old = last[-1] if last and last[0] == interface.index else None
                problem = _apply(name, interface.index, state[-1], old)
                if problem is None:
                    self._done[name] = state
                else:
                    problems.append(problem)
        return problems


def _apply(name: str, index: int, link: WorkloadLink | None, old: WorkloadLink | None) -> str | None:
    """Set one interface up, or take it down; returns what went wrong.

    Args:
        name: the interface, for messages and settings.
        index: the interface, for the kernel.
        link: what it needs; None where it must lead nowhere.
        old: what was set up on it before, by us and in this life.
    """
    from pyroute2 import IPRoute  # noqa: PLC0415  # heavy, and most hosts have no workloads
    from pyroute2.netlink.exceptions import NetlinkError  # noqa: PLC0415  # the same

    try:
        with IPRoute() as kernel:
            _remove_stale_routes(kernel, index, link.addresses if link else ())
            if old is not None and old.gateway6 not in (None, link and link.gateway6):
                kernel.neigh("del", family=socket.AF_INET6, dst=old.gateway6, ifindex=index, flags=_PROXY)
            if link is not None:
                _set_sysctls(name)
                _add(kernel, index, link)
    except (NetlinkError, OSError) as error:
        code = error.code if isinstance(error, NetlinkError) else error.errno
        if code in _VANISHED:
            return f"Workload interface {name} went away or down while it was set up: {error}"
        return f"Failed to configure workload interface {name}: {error}"
    return None


def _set_sysctls(name: str) -> None:
    """Answer ARP and neighbour solicitations of the workload at once."""
    for path, value in (
        (f"ipv4/conf/{name}/proxy_arp", "1"),
        (f"ipv4/neigh/{name}/proxy_delay", "0"),
        (f"ipv6/conf/{name}/proxy_ndp", "1"),
        (f"ipv6/neigh/{name}/proxy_delay", "0"),
    ):
        if (_SYSCTLS / path.partition("/")[0]).exists():  # a kernel may be without IPv6
            (_SYSCTLS / path).write_text(value, encoding="ascii")


def _add(kernel: IPRoute, index: int, link: WorkloadLink) -> None:
    for address in link.addresses:
        family, length = _family(address)
        kernel.route("replace", family=family, dst=f"{address}/{length}", oif=index, scope="link")
        if link.mac is not None and family is socket.AF_INET:
            kernel.neigh("replace", dst=address, lladdr=link.mac, ifindex=index, state="permanent")
    if link.gateway6 is not None:
        kernel.neigh("replace", family=socket.AF_INET6, dst=link.gateway6, ifindex=index, flags=_PROXY)


def _remove_stale_routes(kernel: IPRoute, index: int, wanted: Iterable[str]) -> None:
    """Delete the routes to single addresses that are not wanted; routes to networks are somebody else's."""
    keep = set(wanted)
    for family, length in ((socket.AF_INET, 32), (socket.AF_INET6, 128)):
        for route in kernel.get_routes(family=family, oif=index, table=_MAIN_TABLE):
            destination = route.get_attr("RTA_DST")
            if route["dst_len"] == length and destination not in keep:
                kernel.route(
                    "del", family=family, dst=f"{destination}/{length}", oif=index, scope=route["scope"]
                )
                _remove_neighbours(kernel, index, destination)


def _remove_neighbours(kernel: IPRoute, index: int, address: str) -> None:
    """Delete the permanent ARP entry of an address, if it has one."""
    for _ in kernel.get_neighbours(ifindex=index, dst=address):
        kernel.neigh("del", dst=address, ifindex=index)


def _family(address: str) -> tuple[socket.AddressFamily, int]:
    """The address family of an address, and the prefix length that means it alone."""
    return (socket.AF_INET6, 128) if ":" in address else (socket.AF_INET, 32)
