"""Any resource, as decoding could have given it: what tests of the encoders begin with.

Those that are *plain* can be said in both wire encodings; the others have something that one of them cannot say.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias, TypeVar

from hypothesis import strategies as st

from catflap.model.resources import (
    BOTH_DIRECTIONS,
    ICMP_VERSIONS,
    LAST,
    PORT_PROTOCOLS,
    Action,
    ConfigurationValues,
    Direction,
    Encoding,
    EndpointPort,
    HostEndpoint,
    IcmpMatch,
    Kind,
    NetworkSet,
    Node,
    Peer,
    Policy,
    PolicyKind,
    PortRange,
    ProfileLabels,
    ProfileRules,
    ProfileTags,
    ReadyFlag,
    Resource,
    ResourceKey,
    Rule,
    StagedPolicy,
    Tier,
    WorkloadEndpoint,
    ip_version_of,
)
from catflap.model.selector import parse_selector

_T = TypeVar("_T")
Stored: TypeAlias = tuple[ResourceKey, Resource]
NAMESPACE, ORCHESTRATOR = "projectcalico.org/namespace", "projectcalico.org/orchestrator"

NAMES = st.sampled_from(["p", "eth0.100", "web1-eth0", "t.p", "web1.x", "A_b-"])
HOSTS = st.sampled_from(["web1", "db.example.org"])
TIERS = st.sampled_from(["default", "t"])
SELECTORS = st.sampled_from(
    [
        parse_selector(text)
        for text in ("all()", "has(a)", "role == 'web' && !has(b)", "a in {'b', 'c'} || global()")
    ]
)
LABELS = st.dictionaries(st.sampled_from(["a", "role", "example.org/x"]), st.sampled_from(["", "x", "ü'\""]))
PROTOCOLS = st.sampled_from((6, 17, 33, 132, 136, 1, 58, 47))
ADDRESSES = ("192.0.2.1", "192.0.2.2", "2001:db8::1", "fe80::1")
NETS = ("10.0.0.0/8", "192.0.2.1/32", "0.0.0.0/0", "::/0", "2001:db8::/32", "fe80::1/128")
RANGES = st.builds(
    lambda first, more: PortRange(first, min(first + more, 65535)), st.integers(0, 65535), st.integers(0, 9)
)
PORT_NAMES = st.sampled_from(("http", "dns-1", "8x"))
ORDERS = st.just(LAST) | st.integers(-5, 1000).map(float) | st.floats(allow_nan=False, allow_infinity=False)
ANNOTATIONS = st.dictionaries(st.sampled_from(["ticket", "ü"]), st.sampled_from(["1", ""]), min_size=1)


def some(values: st.SearchStrategy[_T], least: int = 0, most: int = 3) -> st.SearchStrategy[tuple[_T, ...]]:
    return st.lists(values, min_size=least, max_size=most, unique=True).map(tuple)


def v4_first(values: Sequence[str]) -> tuple[str, ...]:
    return tuple(sorted(values, key=ip_version_of))


ENDPOINT_PORTS = some(
    st.builds(EndpointPort, PORT_NAMES, st.sampled_from(sorted(PORT_PROTOCOLS)), st.integers(1, 65535))
)


@st.composite
def peers(draw: st.DrawFn, protocol: int | None, nets: Sequence[str], *, plain: bool) -> Peer:
    selectors, tags = st.none() | SELECTORS, st.none() if plain else st.none() | st.just("t")
    networks = some(st.sampled_from(nets))
    most = 3 if protocol in PORT_PROTOCOLS else 0
    ports, names = some(RANGES, most=most), some(PORT_NAMES, most=most)
    return Peer(
        nets=draw(networks),
        not_nets=draw(networks),
        selector=draw(selectors),
        not_selector=draw(selectors),
        tag=draw(tags),
        not_tag=draw(tags),
        ports=draw(ports),
        not_ports=draw(ports),
        named_ports=draw(names),
        not_named_ports=draw(names),
    )


@st.composite
def rules(draw: st.DrawFn, actions: Sequence[Action], *, plain: bool) -> Rule:
    protocol = draw(st.none() | PROTOCOLS)
    version = ICMP_VERSIONS.get(protocol) or draw(st.sampled_from((None, 4, 6)))
    nets = [net for net in NETS if version in (None, ip_version_of(net))]
    icmp: st.SearchStrategy[Any] = st.none()
    if protocol in ICMP_VERSIONS:
        icmp |= st.builds(IcmpMatch, st.integers(0, 255), st.none() | st.integers(0, 255))
    return Rule(
        action=draw(st.sampled_from(actions)),
        ip_version=version,
        protocol=protocol,
        not_protocol=draw(st.none() | PROTOCOLS),
        icmp=draw(icmp),
        not_icmp=draw(icmp),
        source=draw(peers(protocol, nets, plain=plain)),
        destination=draw(peers(protocol, nets, plain=plain)),
        log_prefix=None if plain else draw(st.none() | st.just("seen:")),
        annotations={} if plain else draw(st.just({}) | ANNOTATIONS),
    )


def rule_lists(actions: Sequence[Action], *, plain: bool) -> st.SearchStrategy[tuple[Rule, ...]]:
    return st.lists(rules(actions, plain=plain), max_size=2).map(tuple)


@st.composite
def policies(draw: st.DrawFn, *, plain: bool) -> Policy:
    kind = draw(st.sampled_from(PolicyKind))
    ingress_only = kind is PolicyKind.PRE_DNAT
    actions = [action for action in Action if kind is not PolicyKind.UNTRACKED or action is not Action.REJECT]
    lists = rule_lists(actions, plain=plain)
    types = st.sampled_from([BOTH_DIRECTIONS, *(frozenset({direction}) for direction in Direction)])
    return Policy(
        name=draw(NAMES),
        tier=draw(TIERS),
        selector=draw(SELECTORS),
        order=draw(ORDERS),
        ingress=draw(lists),
        egress=() if ingress_only else draw(lists),
        types=frozenset({Direction.INGRESS}) if ingress_only else draw(types),
        kind=kind,
        apply_on_forward=kind is not PolicyKind.NORMAL or draw(st.booleans()),
    )


@st.composite
def host_endpoints(draw: st.DrawFn, *, plain: bool) -> HostEndpoint:
    on_one_host = plain or draw(st.booleans())
    names = st.sampled_from(["eth0", "eth0.100", "eth*", "*"])
    interfaces = draw(some(names, 0 if on_one_host else 1))[: 1 if plain else None]
    expected = draw(some(st.sampled_from(ADDRESSES), 0 if interfaces else 1)) if on_one_host else ()
    return HostEndpoint(
        name=draw(NAMES),
        node=draw(HOSTS) if on_one_host else None,
        interfaces=interfaces,
        expected_ips=expected,
        labels=draw(LABELS),
        profiles=draw(some(NAMES)),
        ports=draw(ENDPOINT_PORTS),
        node_selector=None if on_one_host else draw(SELECTORS),
    )


@st.composite
def workload_endpoints(draw: st.DrawFn, *, plain: bool) -> WorkloadEndpoint:
    where = draw(st.sampled_from([{}, {ORCHESTRATOR: "k8s"}]))
    return WorkloadEndpoint(
        name=draw(NAMES),
        node=draw(HOSTS),
        interface_name=draw(st.sampled_from(["cali1", "tap-2"])),
        active=plain or draw(st.booleans()),
        mac=draw(st.none() | st.just("02:00:00:00:00:0a")),
        addresses=draw(some(st.sampled_from(ADDRESSES))),
        spoofable_nets=() if plain else draw(some(st.sampled_from(NETS))),
        gateway6=draw(st.none() | st.just("fe80::1")),
        labels={**draw(LABELS), **where, **({NAMESPACE: "ns"} if plain or draw(st.booleans()) else {})},
        profiles=draw(some(NAMES)),
        ports=draw(ENDPOINT_PORTS),
    )


def _stored(kind: Kind, encoding: Encoding, resource: Resource) -> Stored:
    """The resource under the key that a path of the encoding stands for."""
    name, scope = _v1_identity(resource) if encoding is Encoding.V1 else _v3_identity(resource)
    return ResourceKey(kind, name, scope, encoding), resource


def _v1_identity(resource: Resource) -> tuple[str, str]:
    match resource:
        case HostEndpoint(name=name, node=node):
            return name, node or "web1"
        case WorkloadEndpoint(name=name, node=node):
            return name, f"{node}/docker/w1.x"
        case Policy(name=name, tier=tier):
            return name, tier
        case ConfigurationValues(host=host, values=values):
            return next(iter(values)), host or ""
        case ReadyFlag():
            return "Ready", ""
        case _:
            return resource.name, ""


def _v3_identity(resource: Resource) -> tuple[str, str]:
    match resource:
        case WorkloadEndpoint(name=name):
            return name, "ns"
        case ConfigurationValues(host=host):
            return f"node.{host}" if host else "default", host or ""
        case ReadyFlag():
            return "default", ""
        case _:
            return resource.name, ""


def _keyed(kind: Kind, resources: st.SearchStrategy[Any], *encodings: Encoding) -> st.SearchStrategy[Stored]:
    return st.builds(_stored, st.just(kind), st.sampled_from(encodings or tuple(Encoding)), resources)


def _common(*, plain: bool) -> tuple[st.SearchStrategy[Stored], ...]:
    """What both encodings have at all."""
    lists = rule_lists(tuple(Action), plain=plain)
    ends = st.just(Action.DENY) if plain else st.sampled_from((Action.DENY, Action.PASS))
    orders = ORDERS.filter(lambda order: order != LAST) if plain else ORDERS
    text = st.sampled_from(["true", "false", ""] if plain else ["true", "false", "", "yes\n"])
    in_namespace = workload_endpoints(plain=plain)
    return (
        _keyed(Kind.HOST_ENDPOINT, host_endpoints(plain=plain)),
        _keyed(Kind.WORKLOAD_ENDPOINT, in_namespace, Encoding.V1),
        _keyed(
            Kind.WORKLOAD_ENDPOINT, in_namespace.filter(lambda each: NAMESPACE in each.labels), Encoding.V3
        ),
        _keyed(Kind.POLICY, policies(plain=plain)),
        _keyed(Kind.TIER, st.builds(Tier, TIERS, orders, ends)),
        _keyed(Kind.PROFILE_RULES, st.builds(ProfileRules, NAMES, lists, lists)),
        _keyed(Kind.PROFILE_LABELS, st.builds(ProfileLabels, NAMES, LABELS)),
        _keyed(Kind.READY, text.map(lambda each: ReadyFlag(each == "true", each))),
        _keyed(
            Kind.CONFIGURATION,
            st.builds(ConfigurationValues, st.none() | HOSTS, st.just({"LogSeverityFile": "Info"})),
        ),
    )


PLAIN: st.SearchStrategy[Stored] = st.one_of(*_common(plain=True))
ANY: st.SearchStrategy[Stored] = st.one_of(
    *_common(plain=False),
    _keyed(
        Kind.PROFILE_TAGS,
        st.builds(ProfileTags, NAMES, st.frozensets(st.sampled_from(["t", "u"]))),
        Encoding.V1,
    ),
    _keyed(Kind.NETWORK_SET, st.builds(NetworkSet, NAMES, some(st.sampled_from(NETS)), LABELS), Encoding.V3),
    _keyed(
        Kind.NODE,
        st.builds(
            Node,
            NAMES,
            LABELS,
            st.dictionaries(st.sampled_from(["eth0", "eth1"]), some(st.sampled_from(ADDRESSES))),
        ),
        Encoding.V3,
    ),
    _keyed(
        Kind.STAGED_POLICY,
        policies(plain=False).flatmap(
            lambda policy: st.sampled_from(
                [
                    StagedPolicy(policy.name, policy.tier, "Set", policy),
                    StagedPolicy(policy.name, policy.tier, "Delete"),
                ]
            )
        ),
        Encoding.V3,
    ),
)
