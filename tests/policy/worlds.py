"""Small random worlds: few names and many collisions, so that objects meet each other in every way."""

from __future__ import annotations

from typing import TypeAlias

from hypothesis import strategies as st

from catflap.model.resources import (
    TCP,
    UDP,
    Action,
    Direction,
    Encoding,
    EndpointPort,
    HostEndpoint,
    Kind,
    NetworkSet,
    Node,
    Peer,
    Policy,
    PolicyKind,
    ProfileLabels,
    ProfileRules,
    ProfileTags,
    Resource,
    ResourceKey,
    Rule,
    StagedPolicy,
    Tier,
    WorkloadEndpoint,
)
from catflap.model.selector import parse_selector
from catflap.policy import Settings

Stored: TypeAlias = tuple[ResourceKey, Resource]
_Named: TypeAlias = (
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
)

HOSTS = st.sampled_from(["web1", "web1", "web1", "db1"])
NAMES = st.sampled_from(["p", "q"])
TIERS = st.sampled_from(["default", "default", "t"])
ENCODINGS = st.sampled_from([Encoding.V3, Encoding.V3, Encoding.V3, Encoding.V1])
_IS_X, _HAS_A = parse_selector('a == "x"'), parse_selector("has(a)")
SELECTORS = st.sampled_from([parse_selector("all()"), _IS_X, _HAS_A])
LABELS = st.sampled_from([{}, {"a": "x"}, {"a": "y"}, {"b": "x"}])
IPS = st.lists(st.sampled_from(["192.0.2.1", "192.0.2.2", "2001:db8::1"]), unique=True).map(tuple)
NETS = st.lists(st.sampled_from(["192.0.2.1/32", "192.0.2.0/24", "2001:db8::/32"]), max_size=2).map(tuple)
PORTS = st.lists(
    st.builds(EndpointPort, st.sampled_from(["http", "dns"]), st.sampled_from([TCP, UDP]), st.just(80)),
    max_size=2,
).map(tuple)
PROFILES = st.lists(NAMES, max_size=2).map(tuple)
INTERFACES = st.lists(st.sampled_from(["eth0", "eth1", "eth*", "e*", "*", "cali1"]), max_size=2).map(tuple)
PORT_NAMES = st.lists(st.sampled_from(["http", "dns"]), max_size=1).map(tuple)
PEERS = st.builds(
    Peer,
    selector=st.none() | SELECTORS,
    tag=st.none() | st.just("t"),
    not_tag=st.none() | st.just("t"),
    named_ports=PORT_NAMES,
    not_named_ports=PORT_NAMES,
)
RULES = st.lists(
    st.builds(Rule, st.sampled_from(Action), protocol=st.sampled_from([TCP, UDP]), source=PEERS), max_size=2
).map(tuple)
TYPES = st.sets(st.sampled_from(Direction), min_size=1).map(frozenset)


def _keyed(
    kind: Kind, resources: st.SearchStrategy[_Named], scopes: st.SearchStrategy[str] | None = None
) -> st.SearchStrategy[Stored]:
    """Resources under a key of either encoding."""
    return st.builds(
        lambda resource, scope, encoding: (ResourceKey(kind, resource.name, scope, encoding), resource),
        resources,
        st.just("") if scopes is None else scopes,
        ENCODINGS,
    )


HOST_ENDPOINTS = _keyed(
    Kind.HOST_ENDPOINT,
    st.builds(HostEndpoint, NAMES, HOSTS, INTERFACES, IPS, LABELS, PROFILES, PORTS),
    st.sampled_from(["", "web1"]),
)
TEMPLATES = _keyed(
    Kind.HOST_ENDPOINT,
    st.builds(
        HostEndpoint,
        NAMES,
        st.none(),
        st.sampled_from([("*",), ("eth*", "eth1")]),
        st.just(()),
        LABELS,
        PROFILES,
        PORTS,
        SELECTORS,
    ),
)
WORKLOADS = _keyed(
    Kind.WORKLOAD_ENDPOINT,
    st.builds(
        WorkloadEndpoint,
        NAMES,
        HOSTS,
        st.sampled_from(["cali1", "tap1", "eth0"]),
        st.booleans(),
        addresses=IPS,
        labels=LABELS,
        profiles=PROFILES,
        ports=PORTS,
    ),
)
POLICIES = _keyed(
    Kind.POLICY,
    st.builds(
        Policy,
        NAMES,
        TIERS,
        SELECTORS,
        st.sampled_from([0.0, 1.0]),
        RULES,
        RULES,
        TYPES,
        st.sampled_from(PolicyKind),
        st.booleans(),
    ),
    st.sampled_from(["", "ns"]),
)
STORED: st.SearchStrategy[Stored] = st.one_of(
    HOST_ENDPOINTS,
    TEMPLATES,
    WORKLOADS,
    POLICIES,
    _keyed(Kind.NETWORK_SET, st.builds(NetworkSet, NAMES, NETS, LABELS, PROFILES)),
    _keyed(Kind.NODE, st.builds(Node, HOSTS, LABELS)),
    _keyed(Kind.STAGED_POLICY, st.builds(StagedPolicy, NAMES, TIERS, st.just("Set"))),
    _keyed(Kind.TIER, st.builds(Tier, TIERS, st.just(1.0), st.sampled_from([Action.DENY, Action.PASS]))),
    _keyed(Kind.PROFILE_RULES, st.builds(ProfileRules, NAMES, RULES)),
    _keyed(Kind.PROFILE_LABELS, st.builds(ProfileLabels, NAMES, LABELS)),
    _keyed(Kind.PROFILE_TAGS, st.builds(ProfileTags, NAMES, st.sets(st.just("t")).map(frozenset))),
)


def _dense() -> tuple[Stored, ...]:
    """Endpoints that share addresses and labels, selected by policy whose rules need sets of all kinds."""
    http = (EndpointPort("http", TCP, 80),)
    peer = Peer(selector=_HAS_A, not_tag="t", named_ports=("http",))
    rules = (Rule(Action.ALLOW, protocol=TCP, source=peer), Rule(Action.DENY, source=Peer(selector=_IS_X)))
    ips, labels = ("192.0.2.1", "192.0.2.2"), {"a": "x"}
    workload = WorkloadEndpoint(
        "p", "web1", "cali1", addresses=ips[:1], labels=labels, profiles=("p",), ports=http
    )
    resources: list[tuple[Kind, _Named]] = [
        (Kind.HOST_ENDPOINT, HostEndpoint("p", "web1", ("eth0",), ips, labels, ("p",), http)),
        (Kind.HOST_ENDPOINT, HostEndpoint("q", "db1", (), ips, labels, ("p",), http)),
        (Kind.WORKLOAD_ENDPOINT, workload),
        (Kind.NETWORK_SET, NetworkSet("p", ("192.0.2.1/32",), profiles=("p",))),
        (Kind.POLICY, Policy("p", "default", _HAS_A, 0, rules, rules, apply_on_forward=True)),
        (Kind.POLICY, Policy("q", "t", _IS_X, 0, rules)),
        (Kind.TIER, Tier("t", 1.0)),
        (Kind.NODE, Node("web1", {"a": "x"})),
        (Kind.HOST_ENDPOINT, HostEndpoint("t", None, ("eth*",), profiles=("p",), node_selector=_HAS_A)),
        (Kind.PROFILE_LABELS, ProfileLabels("p", {"a": "x"})),
        (Kind.PROFILE_RULES, ProfileRules("p", rules)),
        (Kind.PROFILE_TAGS, ProfileTags("p", frozenset({"t"}))),
    ]
    return tuple((ResourceKey(kind, item.name, "", Encoding.V3), item) for kind, item in resources)


DENSE = _dense()
SETTINGS = st.builds(
    Settings,
    HOSTS,
    workload_prefixes=st.sampled_from([("cali",), ("cali", "tap"), ()]),
    node_labels=LABELS,
    auto_host_endpoints=st.booleans(),
    workload_to_host=st.sampled_from([Action.ALLOW, Action.DENY]),
)
ADDRESSES = st.dictionaries(st.sampled_from(["eth0", "eth1", "lo", "cali1"]), IPS.map(frozenset))
