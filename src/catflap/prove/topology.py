"""The host of the proof: its interfaces, addresses and routes, the same for every world.

All other ends of its cables lie in one namespace, where nothing but the prover lives. Ordinary interfaces, one that may
or may not be a workload's, and workloads' interfaces, of which worlds know some. All small, so that things meet.
"""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from typing import Final, NamedTuple

from catflap.lab.namespaces import Lab, Namespace
from catflap.model.resources import SCTP, TCP, UDP

LOOPBACK: Final = "lo"
ETHERNET: Final = ("eth0", "eth1", "ens7")
WORKLOADS: Final = ("cali1", "cali2", "cali3")
CABLES: Final = (*ETHERNET, "tap0", *WORKLOADS)

LOCAL: Final[Mapping[str, tuple[str, ...]]] = {
    "eth0": ("10.0.0.1", "2001:db8::1"),
    "eth1": ("10.0.1.1", "2001:db8:1::1"),
    "ens7": ("172.16.0.1", "2001:db8:7::1"),
}
LINK_LOCAL: Final = "fe80::1"  # the host, on every cable
LINK_LOCAL_PEER: Final = "fe80::2"
# Where the host sends what is not its own. Everything else leaves by the first interface.
REMOTE: Final[Mapping[str, tuple[str, ...]]] = {
    "eth0": (
        *("10.0.0.10", "10.0.0.127", "10.0.0.128", "8.8.8.8"),
        *("2001:db8::10", "2001:db8::7f", "2001:db8::80", "2a00::8"),
    ),
    "eth1": ("10.0.1.10", "2001:db8:1::10"),
    "ens7": ("172.16.0.10", "2001:db8:7::10"),
    "tap0": ("10.65.0.9", "2001:db8:65::9"),
    "cali1": ("10.65.0.1", "2001:db8:65::1"),
    "cali2": ("10.65.0.2", "2001:db8:65::2"),
    "cali3": ("10.65.0.3", "2001:db8:65::3"),
}
# Received by the host whoever sends them: broadcast (DHCP) and multicast (neighbour discovery).
GROUPS: Final = ("255.255.255.255", "224.0.0.1", "ff02::1")

ROUTES: Final[Mapping[str, str]] = {
    address: name for name, addresses in REMOTE.items() for address in addresses
} | dict.fromkeys((*(each for found in LOCAL.values() for each in found), LINK_LOCAL, *GROUPS), LOOPBACK)


class Target(NamedTuple):
    """An address and a port."""

    address: str
    port: int


# Destination translation by the prover's own table, of what the host receives and of what it sends: to the host
# itself, to a workload, to another host, to the host from a remote address.
TRANSLATIONS: Final[Mapping[Target, Target]] = {
    Target("10.0.0.1", 8080): Target("10.0.0.1", 80),
    Target("10.0.0.1", 8081): Target("10.65.0.1", 80),
    Target("10.0.1.1", 8080): Target("10.0.1.10", 443),
    Target("10.0.0.10", 8080): Target("10.0.0.1", 22),
    Target("2001:db8::1", 8080): Target("2001:db8::1", 80),
    Target("2001:db8::1", 8081): Target("2001:db8:65::1", 80),
    Target("2001:db8:1::1", 8080): Target("2001:db8:1::10", 443),
    Target("2001:db8::10", 8080): Target("2001:db8::1", 22),
}
TRANSLATED_PROTOCOLS: Final = (TCP, UDP, SCTP)


def mac_of(interface: str) -> str:
    """The address of the host's end of a cable."""
    return f"02:00:00:00:01:{CABLES.index(interface) + 1:02x}"


def peer_mac_of(interface: str) -> str:
    """The address of the other end of a cable."""
    return f"02:00:00:00:02:{CABLES.index(interface) + 1:02x}"


def addresses() -> dict[str, AbstractSet[str]]:
    """What the host's interfaces carry, as the agent would be told."""
    found: dict[str, AbstractSet[str]] = {
        name: frozenset((*LOCAL.get(name, ()), LINK_LOCAL)) for name in CABLES
    }
    return found | {LOOPBACK: frozenset(("127.0.0.1", "::1"))}


# Any source is let in, nothing is answered by echo, and no limit holds back the errors that Reject sends.
_HOST_SYSCTLS: Final = {
    "net/ipv4/conf/all/accept_redirects": 0,
    "net/ipv4/conf/default/accept_redirects": 0,
    "net/ipv4/conf/all/send_redirects": 0,
    "net/ipv4/conf/default/send_redirects": 0,
    "net/ipv4/conf/all/rp_filter": 0,
    "net/ipv4/conf/default/rp_filter": 0,
    "net/ipv4/conf/all/accept_local": 1,
    "net/ipv4/conf/default/accept_local": 1,
    "net/ipv4/conf/all/src_valid_mark": 0,
    "net/ipv4/ip_forward": 1,
    "net/ipv4/icmp_echo_ignore_all": 1,
    "net/ipv4/icmp_ratemask": 0,
    "net/ipv6/conf/all/forwarding": 1,
    "net/ipv6/conf/all/accept_ra": 0,
    "net/ipv6/conf/default/addr_gen_mode": 1,
    "net/ipv6/auto_flowlabels": 0,
    "net/ipv6/icmp/echo_ignore_all": 1,
    "net/ipv6/icmp/ratemask": 255,  # a message type that nobody sends
}
_PEER_SYSCTLS: Final = {"net/ipv6/conf/all/disable_ipv6": 1, "net/ipv6/conf/default/disable_ipv6": 1}
_TRACKING_SYSCTLS: Final = {"net/netfilter/nf_conntrack_tcp_be_liberal": 1}


class ProofNetwork(NamedTuple):
    """The host, and the namespace at the other end of its cables."""

    host: Namespace
    peer: Namespace

    @classmethod
    def build(cls, lab: Lab) -> ProofNetwork:
        """Set it up; the lab takes it away.

        Raises:
            LabError: The kernel refuses.
        """
        host, peer = lab.add("proven", "peer")
        host.sysctl(_HOST_SYSCTLS)
        peer.sysctl(_PEER_SYSCTLS)
        for name in CABLES:
            host.ip(
                f"link add {name} address {mac_of(name)} type veth"
                f" peer name {name} address {peer_mac_of(name)} netns {peer.name}",
                f"link set {name} arp off up",
            )
            peer.ip(f"link set {name} arp off up")
            host.add_addresses(name, [f"{each}/{_length(each)}" for each in LOCAL.get(name, ())])
            host.add_addresses(name, [f"{LINK_LOCAL}/64"])
        host.ip(*(f"route add {each} dev {name}" for name, found in REMOTE.items() for each in found))
        host.ip(*(f"route add {every} dev {ETHERNET[0]}" for every in ("0.0.0.0/0", "::/0")))
        host.sysctl(_TRACKING_SYSCTLS)
        return cls(host, peer)


def _length(address: str) -> int:
    return 64 if ":" in address else 24
