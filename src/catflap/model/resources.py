"""The vocabulary: every resource as one immutable value, whatever encoding it was written in.

Two encodings are read (the guide's JSON under ``/calico/v1`` and ``projectcalico.org/v3`` documents); everything
after the model knows only these classes. They must never hold raw input: whoever builds one has validated it.

Those that a fleet has by the hundred thousand are no business of the cyclic garbage collector (``gc=False``): they
cannot be part of a cycle, and walking over them would take a third of the time to load them.

Addresses are canonical text (``192.0.2.1``, ``2001:db8::1``); networks are canonical text with the host bits
cleared (``10.0.0.0/8``), and a single address is written with its full prefix length. A colon tells IPv6.
"""

from __future__ import annotations

import enum
import math
from collections.abc import Mapping
from typing import Literal, TypeAlias

import msgspec

from catflap.model.selector import Selector

IpVersion: TypeAlias = Literal[4, 6]

DEFAULT_TIER = "default"
LAST = math.inf  # the order of a policy or v1 tier that names none

TCP, UDP, ICMP, ICMPV6, DCCP, SCTP, UDPLITE = 6, 17, 1, 58, 33, 132, 136
PROTOCOL_NUMBERS: Mapping[str, int] = {
    "tcp": TCP,
    "udp": UDP,
    "icmp": ICMP,
    "icmpv6": ICMPV6,
    "sctp": SCTP,
    "udplite": UDPLITE,
}
PORT_PROTOCOLS = frozenset({TCP, UDP, DCCP, SCTP, UDPLITE})
ICMP_VERSIONS: Mapping[int | None, IpVersion] = {ICMP: 4, ICMPV6: 6}  # the protocols of one IP version only

MAX_PORT = 65535


def ip_version_of(address: str) -> IpVersion:
    """The IP version of a canonical address or network."""
    return 6 if ":" in address else 4


class Action(enum.StrEnum):
    """What a rule does with a packet that it matches."""

    ALLOW = "Allow"
    DENY = "Deny"
    PASS = "Pass"  # noqa: S105  # not a password: leave this tier (in a profile: this profile)
    LOG = "Log"  # log and go on with the next rule
    REJECT = "Reject"  # like Deny, and tell the sender (an extension of ours)


class Direction(enum.StrEnum):
    """As seen from the endpoint: into it, or out of it."""

    INGRESS = "Ingress"
    EGRESS = "Egress"


BOTH_DIRECTIONS = frozenset(Direction)


class PortRange(msgspec.Struct, frozen=True, order=True):
    """Ports ``first`` to ``last``, both included; one port has ``first == last``."""

    first: int
    last: int

    def __str__(self) -> str:
        return str(self.first) if self.first == self.last else f"{self.first}-{self.last}"


class EndpointPort(msgspec.Struct, frozen=True):
    """A named port of an endpoint, which rules may cite by its name."""

    name: str
    protocol: int
    port: int


class IcmpMatch(msgspec.Struct, frozen=True):
    """An ICMP or ICMPv6 type (0-255), and a code (0-255) or any code."""

    type: int
    code: int | None = None


class Peer(msgspec.Struct, frozen=True):
    """What one end of a packet must be. An empty field matches anything; all others must match together.

    Of ``nets`` one must match, and one of ``ports`` and ``named_ports`` together; of the fields that begin with
    ``not_`` none may. ``selector`` and ``tag`` mean the addresses of the known endpoints and network sets that match;
    ``not_selector`` and ``not_tag`` every other address. A named port means the address, protocol and port of every
    known endpoint that has a port of this name and protocol (and, where there is a ``selector``, matches that).
    """

    nets: tuple[str, ...] = ()
    not_nets: tuple[str, ...] = ()
    selector: Selector | None = None
    not_selector: Selector | None = None
    tag: str | None = None
    not_tag: str | None = None
    ports: tuple[PortRange, ...] = ()
    not_ports: tuple[PortRange, ...] = ()
    named_ports: tuple[str, ...] = ()
    not_named_ports: tuple[str, ...] = ()


class Rule(msgspec.Struct, frozen=True):
    """One rule of a policy or profile. Protocols are IP protocol numbers."""

    action: Action
    ip_version: IpVersion | None = None
    protocol: int | None = None
    not_protocol: int | None = None
    icmp: IcmpMatch | None = None
    not_icmp: IcmpMatch | None = None
    source: Peer = Peer()
    destination: Peer = Peer()
    log_prefix: str | None = None  # log with this prefix before acting; for LOG: instead of the usual prefix
    annotations: Mapping[str, str] = {}


class Kind(enum.StrEnum):
    """What a resource is. The three parts of a profile are stored, changed and deleted one by one."""

    HOST_ENDPOINT = "HostEndpoint"
    WORKLOAD_ENDPOINT = "WorkloadEndpoint"
    NETWORK_SET = "GlobalNetworkSet"  # with a scope: the NetworkSet of a namespace
    NODE = "Node"
    POLICY = "GlobalNetworkPolicy"  # a v3 one with a scope: the NetworkPolicy of a namespace
    STAGED_POLICY = "StagedGlobalNetworkPolicy"
    TIER = "Tier"
    PROFILE_RULES = "ProfileRules"
    PROFILE_TAGS = "ProfileTags"
    PROFILE_LABELS = "ProfileLabels"
    CONFIGURATION = "FelixConfiguration"
    READY = "Ready"


_IN_NAMESPACES = frozenset({Kind.WORKLOAD_ENDPOINT, Kind.NETWORK_SET, Kind.POLICY})


class Encoding(enum.StrEnum):
    """Which of the two wire encodings an object was written in."""

    V1 = "v1"
    V3 = "v3"


class ResourceKey(msgspec.Struct, frozen=True, order=True, gc=False):
    """The identity of a stored resource.

    ``scope`` is the host of a v1 host endpoint or of per-host configuration, ``<host>/<orchestrator>/<workload>`` of
    a v1 workload endpoint, the tier of a v1 policy, the namespace of a v3 resource that has one, else empty.
    """

    kind: Kind
    name: str
    scope: str = ""
    encoding: Encoding = Encoding.V1

    @property
    def namespace(self) -> str:
        """The namespace of a resource that has one, else empty."""
        return self.scope if self.encoding is Encoding.V3 and self.kind in _IN_NAMESPACES else ""

    def __str__(self) -> str:
        scope = f"{self.scope}/" if self.scope else ""
        return f"{self.kind} {scope}{self.name}"


class HostEndpoint(msgspec.Struct, frozen=True, gc=False):
    """Interfaces of a host, or of all hosts that ``node_selector`` matches, to be policed.

    ``interfaces`` holds exact names and prefix patterns: ``eth*`` is every interface whose name begins with ``eth``,
    and ``*`` every interface that nothing else polices. Without any, the endpoint polices the interfaces that carry
    one of ``expected_ips``. Exactly one of ``node`` and ``node_selector`` is set; with a ``node_selector`` there are
    no ``expected_ips``, since they would be the same on every host.
    """

    name: str
    node: str | None
    interfaces: tuple[str, ...] = ()
    expected_ips: tuple[str, ...] = ()
    labels: Mapping[str, str] = {}
    profiles: tuple[str, ...] = ()
    ports: tuple[EndpointPort, ...] = ()
    node_selector: Selector | None = None


class WorkloadEndpoint(msgspec.Struct, frozen=True, gc=False):
    """The host's side of the interface of a container or virtual machine.

    ``addresses`` are its own, without prefix lengths; ``spoofable_nets`` are further networks that it may send from.
    ``gateway6`` is the IPv6 address that the host answers neighbour solicitations for. One that is not ``active`` has
    its interface blocked, and its addresses stay in IP sets.
    """

    name: str
    node: str
    interface_name: str
    active: bool = True
    mac: str | None = None  # lower case, colons, two digits each
    addresses: tuple[str, ...] = ()
    spoofable_nets: tuple[str, ...] = ()
    gateway6: str | None = None
    labels: Mapping[str, str] = {}
    profiles: tuple[str, ...] = ()
    ports: tuple[EndpointPort, ...] = ()


class NetworkSet(msgspec.Struct, frozen=True, gc=False):
    """Networks under labels: rules match them by selector, as they match endpoints. They may overlap.

    It inherits the labels of its ``profiles``, but has no tags and meets no rules of theirs.
    """

    name: str
    nets: tuple[str, ...] = ()
    labels: Mapping[str, str] = {}
    profiles: tuple[str, ...] = ()


class Node(msgspec.Struct, frozen=True):
    """A host: its labels, for node selectors. ``interfaces`` maps the names that it reports to their addresses."""

    name: str
    labels: Mapping[str, str] = {}
    interfaces: Mapping[str, tuple[str, ...]] = {}


class PolicyKind(enum.StrEnum):
    """Where a policy's rules meet the packets. A policy has exactly one kind."""

    NORMAL = "normal"  # the host's own traffic, and that of workloads
    UNTRACKED = "doNotTrack"  # before connection tracking
    PRE_DNAT = "preDNAT"  # before destination addresses are translated


class Policy(msgspec.Struct, frozen=True):
    """Ordered rules for the endpoints that ``selector`` matches; ``types`` are the directions it governs.

    ``apply_on_forward`` says that a normal policy governs forwarded traffic, too; the other kinds always do.
    """

    name: str
    tier: str
    selector: Selector
    order: float = LAST
    ingress: tuple[Rule, ...] = ()
    egress: tuple[Rule, ...] = ()
    types: frozenset[Direction] = BOTH_DIRECTIONS
    kind: PolicyKind = PolicyKind.NORMAL
    apply_on_forward: bool = False


class StagedPolicy(msgspec.Struct, frozen=True):
    """A policy that somebody prepares: reported, never enforced. ``policy`` is None where it stages a deletion."""

    name: str
    tier: str
    staged_action: str
    policy: Policy | None = None


class Tier(msgspec.Struct, frozen=True):
    """A group of policies that is evaluated as one step; at its end ``default_action`` (Deny or Pass) holds."""

    name: str
    order: float = LAST
    default_action: Action = Action.DENY


class ProfileRules(msgspec.Struct, frozen=True):
    """The rules of a profile, evaluated after all tiers."""

    name: str
    ingress: tuple[Rule, ...] = ()
    egress: tuple[Rule, ...] = ()


class ProfileTags(msgspec.Struct, frozen=True):
    """The tags of a profile; an endpoint has a tag when one of its profiles carries it."""

    name: str
    tags: frozenset[str] = frozenset()


class ProfileLabels(msgspec.Struct, frozen=True):
    """The labels that endpoints and network sets inherit from a profile."""

    name: str
    labels: Mapping[str, str] = {}


class ConfigurationValues(msgspec.Struct, frozen=True):
    """Parameters of the agent as stored, unparsed: name to text (v1) or to a JSON value (v3).

    ``host`` is None for global parameters.
    """

    host: str | None
    values: Mapping[str, object]


class ReadyFlag(msgspec.Struct, frozen=True):
    """Whether the data may be acted upon; ``text`` is what was stored."""

    ready: bool
    text: str


Resource: TypeAlias = (
    HostEndpoint
    | WorkloadEndpoint
    | NetworkSet
    | Node
    | Policy
    | StagedPolicy
    | Tier
    | ProfileRules
    | ProfileTags
    | ProfileLabels
    | ConfigurationValues
    | ReadyFlag
)
