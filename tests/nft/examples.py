"""Host policies that show every kind of policy: the golden files hold what they compile to."""

from __future__ import annotations

from msgspec.structs import replace
from tests.nft.host_policies import (
    complete,
    endpoint,
    host_policy,
    lists,
    policy_key,
    profile_key,
    rule,
    workload,
)

from catflap.model.resources import Action, IcmpMatch, PolicyKind, PortRange
from catflap.policy.host_policy import (
    DirectionPolicy,
    Failsafe,
    FailsafePort,
    HostPolicy,
    InterfacePolicy,
    IpSet,
    MatchPeer,
    PortSet,
    ProfileStep,
    SocketAddress,
    TierStep,
)

WEB, DB, SSH = policy_key("web"), policy_key("db"), policy_key("ssh")
BASE = profile_key("base")
FAILSAFE = Failsafe(
    (FailsafePort(6, PortRange(22, 22)), FailsafePort(17, PortRange(68, 68), "10.0.0.0/8")),
    (FailsafePort(6, PortRange(2379, 2380)), FailsafePort(6, PortRange(4001, 4001))),
)
WEB_RULES = lists(
    WEB,
    [
        rule(
            0,
            protocol=6,
            source=MatchPeer(ip_sets=("s-clients",)),
            destination=MatchPeer(ports=(PortRange(80, 80), PortRange(443, 443))),
        ),
        rule(1, Action.LOG, log_prefix="web"),
        rule(2, Action.DENY, source=MatchPeer(nets=("10.0.0.0/8", "192.168.0.0/16"))),
    ],
    [rule(0)],
)
CLIENTS = IpSet(
    "s-clients", 'role == "client"', frozenset({"10.0.0.1", "10.0.0.2", "172.16.0.0/12", "2001:db8::1"})
)
PASS_RULES = lists(
    SSH, [rule(0, protocol=6), rule(1, Action.PASS, source=MatchPeer(not_nets=("10.0.0.0/8",)))]
)
BASE_RULES = lists(
    BASE, [rule(0, Action.PASS, protocol=1, icmp=IcmpMatch(8)), rule(1, protocol=1)], [rule(0)]
)

RAW, DNAT = policy_key("raw"), policy_key("dnat")
RAW_RULES = replace(
    lists(
        RAW,
        [rule(0, protocol=17, destination=MatchPeer(ports=(PortRange(53, 53),)))],
        [
            rule(0, protocol=17, source=MatchPeer(ports=(PortRange(53, 53),))),
            rule(1, Action.DENY, protocol=6),
        ],
    ),
    kind=PolicyKind.UNTRACKED,
)
DNAT_RULES = replace(
    lists(
        DNAT,
        [
            rule(0, source=MatchPeer(nets=("10.0.0.0/8",))),
            rule(1, Action.REJECT, protocol=6, destination=MatchPeer(ports=(PortRange(8000, 8999),))),
        ],
    ),
    kind=PolicyKind.PRE_DNAT,
)
NAMED_RULES = lists(
    WEB,
    [
        rule(
            0,
            protocol=6,
            source=MatchPeer(ip_sets=("s-clients",)),
            destination=MatchPeer(ports=(PortRange(443, 443),), port_sets=("p-http",)),
            annotations={"ticket": "NET-1"},
        ),
        rule(1, Action.DENY, protocol=6, destination=MatchPeer(not_port_sets=("p-http",))),
    ],
)
HTTP = PortSet(
    "p-http",
    "port http",
    frozenset({SocketAddress("10.0.0.1", 6, 80), SocketAddress("10.0.0.2", 6, 8080)}),
)
REJECT_RULES = lists(
    DB,
    [
        rule(0, Action.REJECT, protocol=6, log_prefix="no"),
        rule(1, Action.REJECT, source=MatchPeer(nets=("10.0.0.0/8",))),
    ],
    [rule(0, Action.REJECT, protocol=17)],
)
NORMAL = (TierStep("default", (WEB,)),)
DEFAULT = (TierStep("default", (DB,)),)


def with_tiers(interface: str, **tiers: tuple[TierStep, ...]) -> InterfacePolicy:
    """An interface with policy of other kinds than its own traffic's."""
    return InterfacePolicy(interface, endpoint(interface), DirectionPolicy(), DirectionPolicy(), **tiers)


ROUTER = complete(
    HostPolicy(
        (
            replace(
                with_tiers("eth0", forward_ingress=NORMAL, forward_egress=NORMAL),
                ingress=DirectionPolicy(NORMAL),
            ),
            with_tiers("eth1", forward_egress=DEFAULT),
        ),
        ip_sets={CLIENTS.id: CLIENTS},
        failsafe=FAILSAFE,
    ),
    [WEB_RULES, REJECT_RULES],
)
EARLY = complete(
    HostPolicy(
        (
            with_tiers(
                "eth0",
                untracked_ingress=(TierStep("default", (RAW,)),),
                untracked_egress=(TierStep("default", (RAW,)),),
                pre_dnat=(TierStep("default", (DNAT,)),),
            ),
            with_tiers("eth1", pre_dnat=(TierStep("default", (DNAT,)),)),
        ),
        failsafe=FAILSAFE,
    ),
    [RAW_RULES, DNAT_RULES],
)
PATTERNS = complete(
    HostPolicy(
        (
            with_tiers("eth0"),
            with_tiers("eth1*"),
            with_tiers("eth*", forward_ingress=DEFAULT),
            with_tiers("l*", pre_dnat=(TierStep("default", (DNAT,)),)),
            with_tiers("*", forward_ingress=DEFAULT),
        ),
        workload_prefixes=("cali",),
    ),
    [REJECT_RULES, DNAT_RULES],
)
WORKLOADS = complete(
    HostPolicy(
        workloads=(
            workload(
                "cali1",
                ingress=DirectionPolicy(NORMAL),
                egress=DirectionPolicy(profiles=(ProfileStep("base", BASE),)),
                mac="02:00:00:00:00:01",
                addresses=("10.65.0.2", "fd00::2"),
                spoofable_nets=("10.66.0.0/24",),
            ),
            workload("cali2", ingress=DirectionPolicy(NORMAL)),
        ),
        workload_prefixes=("cali", "tap"),
        workload_to_host=Action.ALLOW,
        ip_sets={CLIENTS.id: CLIENTS},
    ),
    [WEB_RULES, BASE_RULES],
)

EXAMPLES = {
    "nothing": HostPolicy(),
    "endpoint_without_policy": host_policy(failsafe=FAILSAFE),
    "two_interfaces_share_a_tier": host_policy(
        ("eth0", "eth1"), [TierStep("default", (WEB,))], rules=[WEB_RULES], ip_sets=[CLIENTS]
    ),
    "pass_leaves_the_tier": host_policy(
        tiers=[TierStep("admin", (SSH, DB), Action.PASS), TierStep("default", (WEB,))],
        rules=[PASS_RULES, lists(DB, [rule(0, Action.DENY, protocol=17)]), WEB_RULES],
        ip_sets=[CLIENTS],
    ),
    "profiles": host_policy(
        profiles=[ProfileStep("base", BASE), ProfileStep("missing", None)],
        rules=[BASE_RULES],
        failsafe=FAILSAFE,
    ),
    "router": ROUTER,
    "before_tracking_and_translation": EARLY,
    "patterns": PATTERNS,
    "workloads": WORKLOADS,
    "unknown_workloads": HostPolicy(workload_prefixes=("cali",)),
    "named_ports": complete(
        HostPolicy(
            (replace(with_tiers("eth0"), ingress=DirectionPolicy(NORMAL)),),
            ip_sets={CLIENTS.id: CLIENTS},
            port_sets={HTTP.id: HTTP},
        ),
        [NAMED_RULES],
    ),
    "reject": host_policy(tiers=DEFAULT, rules=[REJECT_RULES]),
}
