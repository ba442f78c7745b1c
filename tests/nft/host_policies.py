"""Host policies for tests: short ways to write them down, and hypothesis strategies for any of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from ipaddress import ip_address

from hypothesis import strategies as st
from msgspec.structs import replace

from catflap.model.resources import (
    ICMP,
    ICMPV6,
    PORT_PROTOCOLS,
    Action,
    Direction,
    Encoding,
    IcmpMatch,
    Kind,
    PolicyKind,
    PortRange,
    ResourceKey,
)
from catflap.policy.host_policy import (
    DirectionPolicy,
    Failsafe,
    FailsafePort,
    HostPolicy,
    InterfacePolicy,
    IpSet,
    MatchPeer,
    MatchRule,
    PortSet,
    ProfileStep,
    RuleLists,
    SocketAddress,
    TierStep,
    WorkloadPolicy,
)

NETS = (
    *("0.0.0.0/0", "10.0.0.0/8", "10.0.0.0/9", "10.1.0.0/16", "10.1.2.3/32", "10.1.2.4/32", "192.168.0.0/16"),
    *("::/0", "2001:db8::/32", "2001:db8::/33", "2001:db8::1/128", "2001:db8::2/128", "fe80::/10"),
)
ADDRESSES = (
    "10.0.0.1",
    "10.1.2.3",
    "10.200.0.1",
    "192.168.0.0",
    "8.8.8.8",
    "0.0.0.0",
    "2001:db8::1",
    "fe80::1",
    "::",
    str(ip_address("::ffff:1.2.3.4")),  # in the spelling of this version of Python, which the model's is
)
MACS = ("02:00:00:00:00:01", "02:00:00:00:00:02")
SET_IDS = ("s-a", "s-b", "t-c")
PORT_SET_IDS = ("p-a", "p-b")


def policy_key(name: str, encoding: Encoding = Encoding.V1) -> ResourceKey:
    return ResourceKey(Kind.POLICY, name, "default", encoding)


def profile_key(name: str) -> ResourceKey:
    return ResourceKey(Kind.PROFILE_RULES, name)


def rule(number: int = 0, action: Action = Action.ALLOW, **fields: object) -> MatchRule:
    return MatchRule(number, action, **fields)  # type: ignore[arg-type]  # tests name the fields that matter


def lists(
    key: ResourceKey,
    ingress: Iterable[MatchRule] = (),
    egress: Iterable[MatchRule] = (),
    title: str | None = None,
) -> RuleLists:
    word = "default/" if key.kind is Kind.POLICY else "profile "
    return RuleLists(key, word + key.name if title is None else title, tuple(ingress), tuple(egress))


def host_policy(
    interfaces: Sequence[str] = ("eth0",),
    tiers: Sequence[TierStep] = (),
    profiles: Sequence[ProfileStep] = (),
    rules: Iterable[RuleLists] = (),
    ip_sets: Iterable[IpSet] = (),
    failsafe: Failsafe | None = None,
) -> HostPolicy:
    """The same steps on all interfaces, in both directions."""
    steps = DirectionPolicy(tuple(tiers), tuple(profiles))
    return complete(
        HostPolicy(
            tuple(InterfacePolicy(name, endpoint(name), steps, steps) for name in interfaces),
            ip_sets={item.id: item for item in ip_sets},
            failsafe=failsafe or Failsafe(),
        ),
        rules,
    )


def endpoint(interface: str) -> ResourceKey:
    return ResourceKey(Kind.HOST_ENDPOINT, interface, "host")


def workload(interface: str, **fields: object) -> WorkloadPolicy:
    nothing = DirectionPolicy()
    values = {"ingress": nothing, "egress": nothing, **fields}
    key = ResourceKey(Kind.WORKLOAD_ENDPOINT, interface, "host")
    return WorkloadPolicy(interface, key, **values)  # type: ignore[arg-type]  # tests name the fields that matter


def sides(policy: HostPolicy) -> list[DirectionPolicy]:
    """All tiers and profiles that stand anywhere in a host policy."""
    ends: list[InterfacePolicy | WorkloadPolicy] = [*policy.interfaces, *policy.workloads]
    own = [end.ingress for end in ends] + [end.egress for end in ends]
    others = [
        tiers
        for item in policy.interfaces
        for tiers in (
            *(item.forward_ingress, item.forward_egress),
            *(item.untracked_ingress, item.untracked_egress, item.pre_dnat),
        )
    ]
    return own + [DirectionPolicy(tiers) for tiers in others]


def used_keys(policy: HostPolicy) -> tuple[set[ResourceKey], set[ResourceKey]]:
    """The policies and the profiles that a host policy refers to."""
    steps = sides(policy)
    policies = {key for side in steps for tier in side.tiers for key in tier.policies}
    return policies, {step.key for side in steps for step in side.profiles if step.key}


def complete(policy: HostPolicy, rules: Iterable[RuleLists]) -> HostPolicy:
    """With those of the rule lists that it refers to, and without sets that these do not use."""
    table = {item.key: item for item in rules}
    policies, profiles = used_keys(policy)
    peers = [
        peer
        for key in (*policies, *profiles)
        for direction in Direction
        for match in table[key].rules(direction)
        for peer in (match.source, match.destination)
    ]
    ip_sets = {set_id for peer in peers for set_id in (*peer.ip_sets, *peer.not_ip_sets)}
    port_sets = {set_id for peer in peers for set_id in (*peer.port_sets, *peer.not_port_sets)}
    return replace(
        policy,
        policies={key: table[key] for key in sorted(policies)},
        profiles={key: table[key] for key in sorted(profiles)},
        ip_sets={name: policy.ip_sets[name] for name in sorted(ip_sets)},
        port_sets={name: policy.port_sets[name] for name in sorted(port_sets)},
    )


def _several(items: Sequence[str]) -> st.SearchStrategy[tuple[str, ...]]:
    """Often none: a rule with every field set matches no packet."""
    none: st.SearchStrategy[tuple[str, ...]] = st.just(())
    return st.one_of(none, none, st.lists(st.sampled_from(items), max_size=3, unique=True).map(tuple))


port_ranges = st.one_of(
    st.sampled_from([PortRange(80, 80), PortRange(0, 65535), PortRange(0, 0), PortRange(81, 90)]),
    st.tuples(st.integers(0, 65535), st.integers(0, 65535)).map(lambda pair: PortRange(min(pair), max(pair))),
)
_ports = st.one_of(st.just(()), st.just(()), st.lists(port_ranges, max_size=3).map(tuple))
icmp_matches = st.builds(
    IcmpMatch, st.sampled_from([0, 3, 8, 128, 255]), st.one_of(st.none(), st.sampled_from([0, 1, 255]))
)


_several_nets, _several_sets = _several(NETS), _several(SET_IDS)
_several_port_sets = _several(PORT_SET_IDS)
_address_peers = st.one_of(
    st.just(MatchPeer()), st.builds(MatchPeer, _several_nets, _several_nets, _several_sets, _several_sets)
)


@st.composite
def peers(draw: st.DrawFn, *, ports: bool) -> MatchPeer:
    peer = draw(_address_peers)
    if not ports:
        return peer
    return replace(
        peer,
        ports=draw(_ports),
        not_ports=draw(_ports),
        port_sets=draw(_several_port_sets),
        not_port_sets=draw(_several_port_sets),
    )


@st.composite
def match_rules(draw: st.DrawFn, number: int = 0, actions: Sequence[Action] = tuple(Action)) -> MatchRule:
    protocol = draw(st.sampled_from([None, ICMP, ICMPV6, *sorted(PORT_PROTOCOLS), 255]))
    ports, icmp = protocol in PORT_PROTOCOLS, protocol in {ICMP, ICMPV6}
    return MatchRule(
        number,
        draw(st.sampled_from(actions)),
        ip_version=draw(st.sampled_from([None, None, None, 4, 6])),
        protocol=protocol,
        not_protocol=draw(st.sampled_from([None, None, 6, 58])),
        icmp=draw(st.none() | icmp_matches) if icmp else None,
        not_icmp=draw(st.none() | icmp_matches) if icmp else None,
        source=draw(peers(ports=ports)),
        destination=draw(peers(ports=ports)),
        log_prefix=draw(st.sampled_from([None, None, "web", 'a"b\n{'])),
        annotations=draw(st.sampled_from([{}, {}, {"ticket": "NET-1", "by": 'x"*'}])),
    )


@st.composite
def rule_lists(draw: st.DrawFn, key: ResourceKey, kind: PolicyKind = PolicyKind.NORMAL) -> RuleLists:
    actions = [action for action in Action if kind is not PolicyKind.UNTRACKED or action is not Action.REJECT]
    counts = draw(st.sampled_from([(0, 1), (1, 0), (2, 0), (0, 2), (1, 1), (3, 0)]))
    ingress, egress = ([draw(match_rules(number, actions)) for number in range(count)] for count in counts)
    return replace(lists(key, ingress, egress), kind=kind)


ip_set_members = st.frozensets(st.sampled_from([*NETS, *ADDRESSES]), max_size=5)
PORTS = (22, 53, 80, 85, 443)
sockets = st.builds(
    SocketAddress, st.sampled_from(ADDRESSES), st.sampled_from(sorted(PORT_PROTOCOLS)), st.sampled_from(PORTS)
)


@st.composite
def failsafes(draw: st.DrawFn) -> Failsafe:
    port = st.builds(
        FailsafePort,
        st.sampled_from([6, 17]),
        port_ranges,
        st.sampled_from([None, "10.0.0.0/8", "fe80::/10"]),
    )
    several = st.lists(port, max_size=3).map(tuple)
    return Failsafe(draw(several), draw(several))


@st.composite
def some_sets(draw: st.DrawFn) -> HostPolicy:
    """A host policy with nothing but sets of every id that rules use."""
    ip_sets = [IpSet(name, f'role == "{name}"', draw(ip_set_members)) for name in SET_IDS]
    members = st.frozensets(sockets, max_size=4)
    port_sets = [PortSet(name, f"port {name}", draw(members)) for name in PORT_SET_IDS]
    return HostPolicy(
        ip_sets={item.id: item for item in ip_sets}, port_sets={item.id: item for item in port_sets}
    )


KEYS: Mapping[PolicyKind, tuple[ResourceKey, ...]] = {
    PolicyKind.NORMAL: (policy_key("a"), policy_key("b"), policy_key("c"), policy_key("a", Encoding.V3)),
    PolicyKind.UNTRACKED: (policy_key("raw"), policy_key("raw2")),
    PolicyKind.PRE_DNAT: (policy_key("dnat"), policy_key("dnat2")),
}
PROFILE_KEYS = (profile_key("p"), profile_key("q"))
EXACT = ("br-lan", "eth0", "eth0.100", "lo", "wl{an}")
PATTERNS = ("e*", "eth*", "l*", "ca*", "cali1*")
PREFIXES = ("cali", "tap")
WORKLOADS = ("cali1", "cali2", "tap0")
INTERFACES = (*EXACT, *WORKLOADS, "cali9", "eth7", "lo1", "ppp0")  # those that packets come from and go to

_some_profiles = st.lists(
    st.sampled_from([*(ProfileStep(key.name, key) for key in PROFILE_KEYS), ProfileStep("none", None)]),
    max_size=2,
).map(tuple)


@st.composite
def tier_steps(draw: st.DrawFn, kind: PolicyKind = PolicyKind.NORMAL) -> tuple[TierStep, ...]:
    """None, one or two tiers."""
    keys = draw(st.lists(st.sampled_from(KEYS[kind]), max_size=3, unique=True))
    cut = draw(st.integers(0, len(keys)))
    actions = st.sampled_from([Action.DENY, Action.PASS])
    return tuple(
        TierStep(name, tuple(part), draw(actions))
        for name, part in (("t", keys[:cut]), ("default", keys[cut:]))
        if part
    )


direction_policies = st.builds(DirectionPolicy, tier_steps(), _some_profiles)


@st.composite
def interface_policies(draw: st.DrawFn, name: str) -> InterfacePolicy:
    item = InterfacePolicy(name, endpoint(name), draw(direction_policies), draw(direction_policies))
    if draw(st.booleans()):
        return item
    return replace(
        item,
        forward_ingress=draw(tier_steps()),
        forward_egress=draw(tier_steps()),
        untracked_ingress=draw(tier_steps(PolicyKind.UNTRACKED)),
        untracked_egress=draw(tier_steps(PolicyKind.UNTRACKED)),
        pre_dnat=draw(tier_steps(PolicyKind.PRE_DNAT)),
    )


@st.composite
def workload_policies(draw: st.DrawFn, name: str) -> WorkloadPolicy:
    return workload(
        name,
        ingress=draw(direction_policies),
        egress=draw(direction_policies),
        mac=draw(st.sampled_from([None, MACS[0]])),
        addresses=draw(st.lists(st.sampled_from(ADDRESSES), max_size=2, unique=True).map(tuple)),
        spoofable_nets=draw(_several_nets),
    )


@st.composite
def host_policies(draw: st.DrawFn) -> HostPolicy:
    names = sorted(draw(st.sets(st.sampled_from(EXACT), max_size=3)))
    patterns = draw(st.lists(st.sampled_from(PATTERNS), max_size=2, unique=True))
    names += [*patterns, *draw(st.sampled_from([[], ["*"]]))]
    prefixes = draw(st.sampled_from([(), PREFIXES[:1], PREFIXES]))
    known = draw(st.sets(st.sampled_from(WORKLOADS))) if prefixes else ()
    policy = replace(
        draw(some_sets()),
        interfaces=tuple(draw(interface_policies(name)) for name in names),
        failsafe=draw(failsafes()),
        workloads=tuple(draw(workload_policies(name)) for name in sorted(known) if name.startswith(prefixes)),
        workload_prefixes=prefixes,
        workload_to_host=draw(st.sampled_from([Action.DENY, Action.ALLOW])),
        accept_mark=draw(st.sampled_from([0x0100_0000, 0x8000_0000, 1])),
    )
    policies, profiles = used_keys(policy)
    kinds = {key: kind for kind, keys in KEYS.items() for key in keys}
    rules = [draw(rule_lists(key, kinds.get(key, PolicyKind.NORMAL))) for key in sorted(policies | profiles)]
    return complete(policy, rules)
