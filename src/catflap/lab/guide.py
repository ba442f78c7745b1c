"""The guide as data: what is stored in each of its steps, in both encodings, and which packets then pass.

The demo walks through these stages; tests hold every store to the same expectations.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from catflap.lab.probes import Transport
from catflap.lab.topology import HOST_MANAGEMENT, HOST_PUBLIC, MGMT, STORE, WEB, DualStack

HOSTNAME: Final = "web1"
BOTH: Final = frozenset({4, 6})
V4: Final = frozenset({4})
HOST_NEIGHBOUR: Final = DualStack("203.0.113.1", "2001:db8:3::1")
NEIGHBOUR: Final = DualStack("203.0.113.10", "2001:db8:3::10")


class Question(msgspec.Struct, frozen=True):
    """A probe of the demo: from one role to an address of another; ``to`` names that end for people."""

    source: str
    to: str
    address: DualStack
    protocol: Transport
    port: int = 0


class Change(msgspec.Struct, frozen=True):
    """One object of the guide: its key and value in the guide's JSON, and the same as a v3 document."""

    path: str
    value: Any
    document: Mapping[str, Any]


class Stage(msgspec.Struct, frozen=True):
    """One step of the guide. ``denied`` and ``only_v4`` name questions; all others are answered with yes."""

    title: str
    explanation: str
    changes: tuple[Change, ...] = ()
    denied: frozenset[str] = frozenset()
    only_v4: frozenset[str] = frozenset()
    neighbour: bool = False

    def allowed(self, question: str) -> frozenset[int]:
        """The IP versions in which a question's packets pass."""
        if question in self.denied:
            return frozenset()
        return V4 if question in self.only_v4 else BOTH


QUESTIONS: Final[Mapping[str, Question]] = {
    "ssh": Question("mgmt", "host eth0", HOST_MANAGEMENT, "tcp", 22),
    "http": Question("mgmt", "host eth0", HOST_MANAGEMENT, "tcp", 80),
    "syslog": Question("mgmt", "host eth0", HOST_MANAGEMENT, "udp", 514),
    "ping": Question("mgmt", "host eth0", HOST_MANAGEMENT, "icmp"),
    "etcd": Question("host", "store", STORE, "tcp", 2379),
    "etcd-peer": Question("host", "store", STORE, "tcp", 2380),
    "database": Question("host", "store", STORE, "tcp", 5432),
    "ping-out": Question("host", "mgmt", MGMT, "icmp"),
    "web-http": Question("web", "host eth1", HOST_PUBLIC, "tcp", 80),
    "web-https": Question("web", "host eth1", HOST_PUBLIC, "tcp", 443),
    "web-ping": Question("web", "host eth1", HOST_PUBLIC, "icmp"),
    "stranger-ssh": Question("stranger", "host eth1", HOST_PUBLIC, "tcp", 22),
    "stranger-syslog": Question("stranger", "host eth1", HOST_PUBLIC, "udp", 514),
    "out-https": Question("host", "web", WEB, "tcp", 443),
    "out-dns": Question("host", "web", WEB, "udp", 53),
}
NEIGHBOUR_QUESTIONS: Final[Mapping[str, Question]] = {
    "neighbour": Question("neighbour", "host eth2", HOST_NEIGHBOUR, "tcp", 443),
    "neighbour-ping": Question("host", "neighbour", NEIGHBOUR, "icmp"),
}
LISTENERS: Final[Mapping[str, tuple[tuple[int, ...], tuple[int, ...]]]] = {  # role: TCP ports, UDP ports
    "host": ((22, 80, 443), (514,)),
    "store": ((2380, 5432), ()),
    "web": ((443,), (53,)),
}


def document(kind: str, name: str, **fields: Any) -> dict[str, Any]:
    """A ``projectcalico.org/v3`` document; ``labels`` goes into its metadata, the rest is its spec."""
    metadata: dict[str, Any] = {"name": name}
    if "labels" in fields:
        metadata["labels"] = fields.pop("labels")
    return {"apiVersion": "projectcalico.org/v3", "kind": kind, "metadata": metadata, "spec": fields}


MANAGEMENT_ENDPOINT: Final = Change(
    f"/calico/v1/host/{HOSTNAME}/endpoint/management",
    {"name": "eth0", "labels": {"role": "management"}},
    document(
        "HostEndpoint",
        f"{HOSTNAME}-management",
        node=HOSTNAME,
        interfaceName="eth0",
        labels={"role": "management"},
    ),
)
PUBLIC_ENDPOINT: Final = Change(
    f"/calico/v1/host/{HOSTNAME}/endpoint/public",
    {
        "expected_ipv4_addrs": [HOST_PUBLIC.v4],
        "labels": {"role": "webserver", "environment": "production"},
    },
    document(
        "HostEndpoint",
        f"{HOSTNAME}-public",
        node=HOSTNAME,
        expectedIPs=[HOST_PUBLIC.v4],
        labels={"role": "webserver", "environment": "production"},
    ),
)
FAILSAFE_POLICY: Final = Change(
    "/calico/v1/policy/tier/default/policy/failsafe",
    {
        "selector": "all()",
        "order": 0,
        "inbound_rules": [
            {"protocol": "tcp", "dst_ports": [22], "src_net": "192.0.2.0/24", "action": "allow"},
            {"protocol": "icmp", "action": "allow"},
        ],
        "outbound_rules": [
            {"protocol": "tcp", "dst_ports": [2379], "dst_net": f"{STORE.v4}/32", "action": "allow"},
            {"protocol": "udp", "dst_ports": [67], "action": "allow"},
        ],
    },
    document(
        "GlobalNetworkPolicy",
        "failsafe",
        selector="all()",
        order=0,
        types=["Ingress", "Egress"],
        ingress=[
            {
                "action": "Allow",
                "protocol": "TCP",
                "source": {"nets": ["192.0.2.0/24"]},
                "destination": {"ports": [22]},
            },
            {"action": "Allow", "protocol": "ICMP"},
        ],
        egress=[
            {
                "action": "Allow",
                "protocol": "TCP",
                "destination": {"nets": [f"{STORE.v4}/32"], "ports": [2379]},
            },
            {"action": "Allow", "protocol": "UDP", "destination": {"ports": [67]}},
        ],
    ),
)
WEBSERVER_POLICY: Final = Change(
    "/calico/v1/policy/tier/default/policy/webserver",
    {
        "selector": 'role=="webserver"',
        "order": 100,
        "inbound_rules": [{"protocol": "tcp", "dst_ports": [80], "action": "allow"}],
        "outbound_rules": [{"action": "allow"}],
    },
    document(
        "GlobalNetworkPolicy",
        "webserver",
        selector='role=="webserver"',
        order=100,
        types=["Ingress", "Egress"],
        ingress=[{"action": "Allow", "protocol": "TCP", "destination": {"ports": [80]}}],
        egress=[{"action": "Allow"}],
    ),
)
NO_FAILSAFE: Final = tuple(
    Change(
        f"/calico/v1/config/Failsafe{direction}HostPorts",
        "none",
        document("FelixConfiguration", "default", failsafeInboundHostPorts=[], failsafeOutboundHostPorts=[]),
    )
    for direction in ("Inbound", "Outbound")
)

_MANAGEMENT_DENIED: Final = frozenset({"http", "syslog", "database", "ping-out"})
_PUBLIC_DENIED: Final = frozenset({"web-https", "stranger-syslog"})
_PUBLIC_OUT: Final = frozenset({"out-https", "out-dns"})

STAGES: Final = (
    Stage("Nothing is defined", "Catflap polices only what it is told about: every packet passes."),
    Stage(
        "A host endpoint by name: eth0",
        "No policy yet: only the failsafe ports (SSH in, etcd out) and established connections pass on eth0.",
        (MANAGEMENT_ENDPOINT,),
        denied=_MANAGEMENT_DENIED | {"ping"},
    ),
    Stage(
        "The failsafe policy",
        "SSH from the management network and ICMP (IPv4) in; etcd and DHCP out.",
        (FAILSAFE_POLICY,),
        denied=_MANAGEMENT_DENIED,
        only_v4=frozenset({"ping"}),
    ),
    Stage(
        "A host endpoint by expected IP: eth1",
        f"The interface that carries {HOST_PUBLIC.v4} is policed, for IPv4 and IPv6.",
        (PUBLIC_ENDPOINT,),
        denied=_MANAGEMENT_DENIED | _PUBLIC_DENIED | _PUBLIC_OUT | {"web-http"},
        only_v4=frozenset({"ping", "web-ping"}),
    ),
    Stage(
        "The webserver policy",
        "Endpoints labelled role=webserver may be asked on port 80, and may ask anybody.",
        (WEBSERVER_POLICY,),
        denied=_MANAGEMENT_DENIED | _PUBLIC_DENIED,
        only_v4=frozenset({"ping", "web-ping"}),
    ),
    Stage(
        "An interface that nobody named: eth2",
        "It appears while the agent runs, no endpoint covers it, and it is left alone.",
        denied=_MANAGEMENT_DENIED | _PUBLIC_DENIED,
        only_v4=frozenset({"ping", "web-ping"}),
        neighbour=True,
    ),
    Stage(
        "The failsafe ports are disabled",
        "Only policy counts now: SSH and etcd pass as the failsafe policy says, for its IPv4 networks.",
        NO_FAILSAFE,
        denied=_MANAGEMENT_DENIED | _PUBLIC_DENIED | {"etcd-peer", "stranger-ssh"},
        only_v4=frozenset({"ping", "web-ping", "ssh", "etcd"}),
        neighbour=True,
    ),
)
