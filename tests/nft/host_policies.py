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
    ProfileStep,
    RuleLists,
    TierStep,
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
    "2001:db8::1",
    "fe80::1",
    str(ip_address("::ffff:1.2.3.4")),  # in the spelling of this version of Python, which the model's is
)
SET_IDS = ("s-a", "s-b", "t-c")


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
        tuple(InterfacePolicy(name, endpoint(name), steps, steps) for name in interfaces),
        {item.key: item for item in rules},
        {item.id: item for item in ip_sets},
        failsafe or Failsafe(),
    )


def endpoint(interface: str) -> ResourceKey:
    return ResourceKey(Kind.HOST_ENDPOINT, interface, "host")


def complete(
    interfaces: tuple[InterfacePolicy, ...],
    rules: Mapping[ResourceKey, RuleLists],
    ip_sets: Mapping[str, IpSet],
    failsafe: Failsafe,
) -> HostPolicy:
    """A host policy with just the rule lists and IP sets that its interfaces use."""
    sides = [item.direction(direction) for item in interfaces for direction in Direction]
    policies = {key for side in sides for tier in side.tiers for key in tier.policies}
    profiles = {step.key for side in sides for step in side.profiles if step.key}
    used = [rules[key] for key in sorted(policies | profiles)]
    peers = [
        peer
        for item in used
        for direction in Direction
        for match in item.rules(direction)
        for peer in (match.source, match.destination)
    ]
    ids = {set_id for peer in peers for set_id in (*peer.ip_sets, *peer.not_ip_sets)}
    return HostPolicy(
        interfaces,
        {key: rules[key] for key in sorted(policies)},
        {key: rules[key] for key in sorted(profiles)},
        {name: ip_sets[name] for name in sorted(ids)},
        failsafe,
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
_address_peers = st.one_of(
    st.just(MatchPeer()), st.builds(MatchPeer, _several_nets, _several_nets, _several_sets, _several_sets)
)


@st.composite
def peers(draw: st.DrawFn, *, ports: bool) -> MatchPeer:
    peer = draw(_address_peers)
    return replace(peer, ports=draw(_ports), not_ports=draw(_ports)) if ports else peer


@st.composite
def match_rules(draw: st.DrawFn, number: int = 0) -> MatchRule:
    protocol = draw(st.sampled_from([None, ICMP, ICMPV6, *sorted(PORT_PROTOCOLS), 255]))
    ports, icmp = protocol in PORT_PROTOCOLS, protocol in {ICMP, ICMPV6}
    return MatchRule(
        number,
        draw(st.sampled_from(list(Action))),
        ip_version=draw(st.sampled_from([None, None, None, 4, 6])),
        protocol=protocol,
        not_protocol=draw(st.sampled_from([None, None, 6, 58])),
        icmp=draw(st.none() | icmp_matches) if icmp else None,
        not_icmp=draw(st.none() | icmp_matches) if icmp else None,
        source=draw(peers(ports=ports)),
        destination=draw(peers(ports=ports)),
        log_prefix=draw(st.sampled_from([None, None, "web", 'a"b\n{'])),
    )


@st.composite
def rule_lists(draw: st.DrawFn, key: ResourceKey) -> RuleLists:
    counts = draw(st.sampled_from([(0, 1), (1, 0), (2, 0), (0, 2), (1, 1), (3, 0)]))
    ingress, egress = ([draw(match_rules(number)) for number in range(count)] for count in counts)
    return lists(key, ingress, egress)


ip_set_members = st.frozensets(st.sampled_from([*NETS, *ADDRESSES]), max_size=5)


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


POLICY_KEYS = (policy_key("a"), policy_key("b"), policy_key("c"), policy_key("a", Encoding.V3))
PROFILE_KEYS = (profile_key("p"), profile_key("q"))


@st.composite
def direction_policies(draw: st.DrawFn) -> DirectionPolicy:
    keys = draw(st.lists(st.sampled_from(POLICY_KEYS), max_size=3, unique=True))
    cut = draw(st.integers(0, len(keys)))
    actions = st.sampled_from([Action.DENY, Action.PASS])
    tiers = [
        TierStep(name, tuple(part), draw(actions))
        for name, part in (("t", keys[:cut]), ("default", keys[cut:]))
        if part
    ]
    steps = st.sampled_from(
        [*(ProfileStep(key.name, key) for key in PROFILE_KEYS), ProfileStep("none", None)]
    )
    return DirectionPolicy(tuple(tiers), tuple(draw(st.lists(steps, max_size=2))))


@st.composite
def host_policies(draw: st.DrawFn) -> HostPolicy:
    names = sorted(draw(st.sets(st.sampled_from(["eth0", "eth0.100", "br-lan", "wl{an}"]), max_size=3)))
    interfaces = tuple(
        InterfacePolicy(name, endpoint(name), draw(direction_policies()), draw(direction_policies()))
        for name in names
    )
    steps = [item.direction(direction) for item in interfaces for direction in Direction]
    policies = {key for step in steps for tier in step.tiers for key in tier.policies}
    profiles = {step.key for item in steps for step in item.profiles if step.key}
    rules = {key: draw(rule_lists(key)) for key in sorted(policies | profiles)}
    ip_sets = {name: IpSet(name, f'role == "{name}"', draw(ip_set_members)) for name in SET_IDS}
    return complete(interfaces, rules, ip_sets, draw(failsafes()))
