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

HOSTS = st.sampled_from(["web1", "web1", "web1", "db1"])
NAMES = st.sampled_from(["p", "q"])
TIERS = st.sampled_from(["default", "default", "t"])
ENCODINGS = st.sampled_from([Encoding.V3, Encoding.V3, Encoding.V3, Encoding.V1])
SELECTORS = st.sampled_from([parse_selector(t) for t in ("all()", 'a == "x"', "has(a)")])
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
    kind: Kind, resources: st.SearchStrategy[Resource], scopes: st.SearchStrategy[str] | None = None
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
    _keyed(Kind.NETWORK_SET, st.builds(NetworkSet, NAMES, NETS, LABELS)),
    _keyed(Kind.NODE, st.builds(Node, HOSTS, LABELS)),
    _keyed(Kind.STAGED_POLICY, st.builds(StagedPolicy, NAMES, TIERS, st.just("Set"))),
    _keyed(Kind.TIER, st.builds(Tier, TIERS, st.just(1.0), st.sampled_from([Action.DENY, Action.PASS]))),
    _keyed(Kind.PROFILE_RULES, st.builds(ProfileRules, NAMES, RULES)),
    _keyed(Kind.PROFILE_LABELS, st.builds(ProfileLabels, NAMES, LABELS)),
    _keyed(Kind.PROFILE_TAGS, st.builds(ProfileTags, NAMES, st.sets(st.just("t")).map(frozenset))),
)
SETTINGS = st.builds(
    Settings,
    HOSTS,
    workload_prefixes=st.sampled_from([("cali",), ("cali", "tap"), ()]),
    node_labels=LABELS,
    auto_host_endpoints=st.booleans(),
    workload_to_host=st.sampled_from([Action.ALLOW, Action.DENY]),
)
ADDRESSES = st.dictionaries(st.sampled_from(["eth0", "eth1", "lo", "cali1"]), IPS.map(frozenset))
