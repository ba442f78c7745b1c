"""The network of the guide, small: a host with a management side and a public side, and who talks to it.

                    store  mgmt                web  stranger
                      |     |                   |      |
    192.0.2.0/24     =+=====+======+     +======+======+=   198.51.100.0/24
    2001:db8:1::/64              eth0   eth1                2001:db8:2::/64
                                  +-host-+

All addresses are documentation ranges (RFC 5737, RFC 3849). Clients route everything else through the host, which
forwards nothing unless it is told to.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple, Self

import msgspec

from catflap.lab.namespaces import Lab, Namespace

if TYPE_CHECKING:
    from collections.abc import Iterable


class DualStack(NamedTuple):
    """An IPv4 and an IPv6 address of the same interface."""

    v4: str
    v6: str

    @property
    def with_prefix(self) -> tuple[str, str]:
        """Both, with the prefix length of their network."""
        return f"{self.v4}/24", f"{self.v6}/64"


HOST_MANAGEMENT: Final = DualStack("192.0.2.1", "2001:db8:1::1")
MGMT: Final = DualStack("192.0.2.10", "2001:db8:1::10")
STORE: Final = DualStack("192.0.2.20", "2001:db8:1::20")
HOST_PUBLIC: Final = DualStack("198.51.100.1", "2001:db8:2::1")
WEB: Final = DualStack("198.51.100.10", "2001:db8:2::10")
STRANGER: Final = DualStack("198.51.100.66", "2001:db8:2::66")


class Switch:
    """An Ethernet switch: a bridge in a namespace of its own, forwarding from the first moment."""

    def __init__(self, namespace: Namespace, bridge: str) -> None:
        self._namespace = namespace
        self._bridge = bridge
        self._ports = 0
        namespace.ip(
            f"link add {bridge} type bridge stp_state 0 forward_delay 0 mcast_snooping 0",
            f"link set {bridge} up",
        )

    def connect(self, node: Namespace, interface: str, addresses: Iterable[str] = ()) -> None:
        """Give ``node`` a new interface, with a cable to this switch. Addresses carry their prefix length."""
        self._ports += 1
        port = f"{self._bridge}-{self._ports}"
        self._namespace.ip(
            f"link add {port} type veth peer name {interface} netns {node.name}",
            f"link set {port} master {self._bridge} up",
        )
        node.set_link(interface, up=True)
        node.add_addresses(interface, addresses)


class GuideNetwork(msgspec.Struct, frozen=True):
    """The namespaces and switches of the picture above."""

    host: Namespace
    mgmt: Namespace
    store: Namespace
    web: Namespace
    stranger: Namespace
    management: Switch
    public: Switch

    @classmethod
    def build(cls, lab: Lab) -> Self:
        """Set it all up; the lab takes it away.

        Raises:
            LabError: The kernel refuses.
        """
        host, mgmt, store, web, stranger, switch = lab.add(
            "host", "mgmt", "store", "web", "stranger", "switch"
        )
        management, public = Switch(switch, "management"), Switch(switch, "public")
        management.connect(host, "eth0", HOST_MANAGEMENT.with_prefix)
        public.connect(host, "eth1", HOST_PUBLIC.with_prefix)
        for node, addresses in ((mgmt, MGMT), (store, STORE)):
            _connect_client(node, management, addresses, HOST_MANAGEMENT)
        for node, addresses in ((web, WEB), (stranger, STRANGER)):
            _connect_client(node, public, addresses, HOST_PUBLIC)
        return cls(host, mgmt, store, web, stranger, management, public)

    def set_forwarding(self, *, enabled: bool) -> None:
        """Let the host pass packets on between its networks, or not."""
        self.host.sysctl({"net/ipv4/ip_forward": int(enabled), "net/ipv6/conf/all/forwarding": int(enabled)})


def _connect_client(node: Namespace, switch: Switch, addresses: DualStack, gateway: DualStack) -> None:
    switch.connect(node, "eth0", addresses.with_prefix)
    node.ip(f"route add default via {gateway.v4}", f"route add default via {gateway.v6}")
