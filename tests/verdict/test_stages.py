from __future__ import annotations

import pytest
from tests.verdict.hosts import (
    ALLOW,
    DENY,
    PASS,
    REJECT,
    Host,
    case,
    failsafe,
    forwarded,
    icmpv6,
    local,
    nets,
    packet,
    policy,
    ports,
    rule,
    sent,
    sentence,
    simple,
    tier,
)

from catflap.model.resources import Action, Direction
from catflap.verdict.evaluate import evaluate, explain
from catflap.verdict.packet import ConnectionState, Packet
from catflap.verdict.result import Outcome, Reason, Stage

ESTABLISHED, RELATED, INVALID = ConnectionState.ESTABLISHED, ConnectionState.RELATED, ConnectionState.INVALID
NO_UDP = simple(rule(Action.DENY, protocol=17))  # no packet here is UDP
ALLOWS, DENIES = simple(ALLOW), simple(DENY)
ALLOWS_WEB = simple(rule(Action.ALLOW, protocol=6, destination=ports(80)))

SAFE = Host(failsafe=failsafe()).interface(local=DENIES, forward=DENIES)
SAFE_RAW = Host(failsafe=failsafe()).interface(local=ALLOWS, untracked=DENIES)
SAFE_PRE = Host(failsafe=failsafe()).interface(local=ALLOWS, pre_dnat=DENIES)
EMPTY = Host().interface()
FORWARD = Host().interface(forward=DENIES)
RAW_ALLOWS = Host().interface(untracked=ALLOWS_WEB, pre_dnat=DENIES, local=DENIES, forward=DENIES)
PRE_ALLOWS = Host().interface(pre_dnat=ALLOWS_WEB, local=DENIES, forward=DENIES)
FROM_WORKLOAD = {"interface": "cali1", "source": "10.0.0.5"}


@pytest.mark.parametrize(
    ("host", "met", "expected"),
    [
        case("interface-none", Host(), packet(), "NO_ENDPOINT input"),
        case("interface-none", Host(), sent(), "NO_ENDPOINT output"),
        case("interface-none", Host(), forwarded(), "NO_ENDPOINT to interface"),
        case("interface-none", EMPTY, packet(interface="eth1", state=INVALID), "NO_ENDPOINT input"),
        case("stage-absent", EMPTY, packet(), "NO_MATCH_DENY input"),
        case("stage-absent", EMPTY, forwarded(state=INVALID), "NO_FORWARD_POLICY to interface"),
        case("forward-none", Host().interface("eth1"), forwarded(), "NO_FORWARD_POLICY to interface"),
        case("forward-normal", local(DENY), forwarded(), "NO_FORWARD_POLICY to interface"),
        case(
            "forward-end",
            Host().interface(forward=simple(PASS)),
            forwarded(),
            "ALL_TIERS_PASSED from interface",
        ),
        case("state-established", local(DENY), packet(state=ESTABLISHED), "ESTABLISHED input"),
        case("state-established", local(DENY), packet(state=RELATED), "ESTABLISHED input"),
        case(
            "state-established",
            Host().interface(pre_dnat=DENIES),
            packet(state=ESTABLISHED),
            "ESTABLISHED input",
        ),
        case("state-established", local(DENY), sent(state=ESTABLISHED), "ESTABLISHED output"),
        case("state-established", FORWARD, forwarded(state=ESTABLISHED), "ESTABLISHED from interface"),
        case("state-invalid", local(ALLOW), packet(state=INVALID), "INVALID input"),
        case("state-invalid", local(ALLOW), sent(state=INVALID), "INVALID output"),
        case(
            "state-invalid",
            Host().interface(forward=ALLOWS),
            forwarded(state=INVALID),
            "INVALID from interface",
        ),
        case("state-invalid", SAFE, packet(state=INVALID, destination_port=22), "FAILSAFE_ALLOW input"),
        case(
            "state-invalid",
            Host().interface(pre_dnat=NO_UDP, local=ALLOWS),
            packet(state=INVALID),
            "INVALID input",
        ),
        case("failsafe-allow", SAFE, packet(destination_port=22), "FAILSAFE_ALLOW input"),
        case("failsafe-allow", SAFE, sent(destination_port=2379), "FAILSAFE_ALLOW output"),
        case("failsafe-allow", SAFE, sent(destination_port=22), "POLICY_DENY output"),
        case("failsafe-allow", SAFE_RAW, packet(destination_port=22), "FAILSAFE_ALLOW input"),
        case("failsafe-allow", SAFE_PRE, packet(destination_port=22), "FAILSAFE_ALLOW input"),
        case("failsafe-reply", SAFE_RAW, packet(source_port=2379, state=ESTABLISHED), "ESTABLISHED input"),
        case("failsafe-reply", SAFE_RAW, sent(source_port=22, state=ESTABLISHED), "ESTABLISHED output"),
        case("failsafe-scope", SAFE, forwarded(destination_port=22), "POLICY_DENY from interface"),
        case(
            "failsafe-scope",
            Host(failsafe=failsafe()).workload(),
            packet(destination_port=22, **FROM_WORKLOAD),
            "WORKLOAD_TO_HOST_DENY input",
        ),
        case("icmpv6-allow", local(DENY), icmpv6(135, 255), "ESSENTIAL_ICMPV6 input"),
        case("icmpv6-allow", SAFE_RAW, icmpv6(2), "ESSENTIAL_ICMPV6 input"),
        case("icmpv6-allow", SAFE_PRE, icmpv6(2), "ESSENTIAL_ICMPV6 input"),
        case(
            "icmpv6-allow",
            FORWARD,
            icmpv6(2, path="forward", out_interface="eth1"),
            "POLICY_DENY from interface",
        ),
        case("icmpv6-echo", local(DENY), icmpv6(128), "POLICY_DENY input"),
        case("untracked-allow", RAW_ALLOWS, packet(), "POLICY_ALLOW before tracking, in"),
        case("untracked-allow", RAW_ALLOWS, sent(), "POLICY_ALLOW before tracking, out"),
        case(
            "untracked-allow",
            RAW_ALLOWS,
            packet(destination_port=81),
            "POLICY_DENY before destination translation",
        ),
        case("state-untracked", RAW_ALLOWS, packet(state=INVALID), "POLICY_ALLOW before tracking, in"),
        case("prednat-allow", PRE_ALLOWS, packet(), "POLICY_ALLOW before destination translation"),
        case("prednat-allow", PRE_ALLOWS, packet(destination_port=81), "POLICY_DENY input"),
        case("stage-accepted", RAW_ALLOWS, forwarded(), "POLICY_ALLOW before tracking, in"),
        case("stage-accepted", PRE_ALLOWS, forwarded(), "POLICY_ALLOW before destination translation"),
        case(
            "stage-accepted",
            Host().interface(pre_dnat=ALLOWS).interface("eth1", forward=DENIES),
            forwarded(),
            "POLICY_DENY to interface",
        ),
        case(
            "stage-deny",
            Host().interface(untracked=DENIES, local=ALLOWS),
            packet(),
            "POLICY_DENY before tracking, in",
        ),
        case(
            "stage-allow",
            Host().interface(forward=ALLOWS).interface("eth1", forward=DENIES),
            forwarded(),
            "POLICY_DENY to interface",
        ),
        case(
            "stage-last",
            Host().interface(forward=ALLOWS).interface("eth1", forward=simple(PASS)),
            forwarded(),
            "ALL_TIERS_PASSED to interface",
        ),
    ],
)
def test_what_becomes_of_a_packet(host: Host, met: Packet, expected: str) -> None:
    verdict = evaluate(host.build(), met)
    assert f"{verdict.reason} {verdict.stage.removeprefix('forwarded, ')}" == expected


BARRED = Host().workload(tiers=ALLOWS)
OPEN = Host(workload_to_host=Action.ALLOW).workload(tiers=ALLOWS_WEB).interface("*", local=DENIES)
STAR = Host().workload(tiers=ALLOWS).interface("*", local=DENIES, forward=DENIES, untracked=DENIES)
STAR_PRE = (
    Host()
    .workload(tiers=ALLOWS_WEB)
    .interface("*", pre_dnat=simple(rule(Action.DENY, destination=ports(81))))
)
MAC = Host(workload_to_host=Action.ALLOW).workload(tiers=ALLOWS, mac="02:00:00:00:00:01")


@pytest.mark.parametrize(
    ("host", "met", "expected"),
    [
        case("workload-unknown", BARRED, packet(interface="cali9"), "UNKNOWN_WORKLOAD before tracking, in"),
        case("workload-unknown", BARRED, forwarded("cali9"), "UNKNOWN_WORKLOAD to workload"),
        case("workload-unknown", BARRED, sent(interface="cali9"), "UNKNOWN_WORKLOAD output"),
        case("workload-source", OPEN, packet(interface="cali1"), "SPOOFED_SOURCE before tracking, in"),
        case(
            "workload-mac",
            MAC,
            packet(source_mac="02:00:00:00:00:02", **FROM_WORKLOAD),
            "SPOOFED_SOURCE before tracking, in",
        ),
        case(
            "workload-mac", MAC, packet(source_mac="02:00:00:00:00:01", **FROM_WORKLOAD), "POLICY_ALLOW input"
        ),
        case(
            "workload-service",
            BARRED,
            packet(protocol=17, destination_port=53, **FROM_WORKLOAD),
            "WORKLOAD_SERVICE input",
        ),
        case(
            "workload-service",
            BARRED,
            packet(protocol=17, destination_port=53, state=INVALID, **FROM_WORKLOAD),
            "WORKLOAD_SERVICE input",
        ),
        case("workload-mac", MAC, packet(**FROM_WORKLOAD), "POLICY_ALLOW input"),
        case(
            "state-established",
            Host().workload(),
            forwarded("eth0", state=ESTABLISHED, **FROM_WORKLOAD),
            "ESTABLISHED from workload",
        ),
        case("workload-to-host", BARRED, packet(**FROM_WORKLOAD), "WORKLOAD_TO_HOST_DENY input"),
        case("workload-to-host", OPEN, packet(**FROM_WORKLOAD), "POLICY_ALLOW input"),
        case(
            "workload-to-host", OPEN, packet(destination_port=81, **FROM_WORKLOAD), "TIER_DEFAULT_DENY input"
        ),
        case("workload-from-host", STAR, sent(interface="cali1"), "HOST_TO_WORKLOAD output"),
        case("workload-policy", OPEN, forwarded("eth0", **FROM_WORKLOAD), "POLICY_ALLOW from workload"),
        case("workload-policy", OPEN, forwarded("cali1"), "POLICY_ALLOW to workload"),
        case(
            "workload-policy", OPEN, forwarded("cali1", destination_port=81), "TIER_DEFAULT_DENY to workload"
        ),
        case("workload-policy", Host().workload(), forwarded("cali1"), "NO_MATCH_DENY to workload"),
        case("state-established", BARRED, packet(state=ESTABLISHED, **FROM_WORKLOAD), "ESTABLISHED input"),
        case(
            "state-established",
            Host().workload(),
            forwarded("cali1", state=ESTABLISHED),
            "ESTABLISHED to workload",
        ),
        case("state-invalid", OPEN, packet(state=INVALID, **FROM_WORKLOAD), "INVALID input"),
        case("state-invalid", OPEN, forwarded("cali1", state=INVALID), "INVALID to workload"),
        case(
            "state-invalid", OPEN, forwarded("eth0", state=INVALID, **FROM_WORKLOAD), "INVALID from workload"
        ),
        case("interface-star", STAR, packet(interface="cali1"), "SPOOFED_SOURCE before tracking, in"),
        case("interface-star", STAR, forwarded("eth0", **FROM_WORKLOAD), "POLICY_DENY from interface"),
        case(
            "interface-star",
            STAR_PRE,
            forwarded("eth0", destination_port=81, **FROM_WORKLOAD),
            "POLICY_DENY before destination translation",
        ),
        case("interface-star", STAR_PRE, forwarded("eth0", **FROM_WORKLOAD), "POLICY_ALLOW from workload"),
    ],
)
def test_what_becomes_of_packets_of_workloads(host: Host, met: Packet, expected: str) -> None:
    verdict = evaluate(host.build(), met)
    assert f"{verdict.reason} {verdict.stage.removeprefix('forwarded, ')}" == expected


@sentence("stage-order")
@pytest.mark.parametrize(
    ("met", "expected"),
    [
        (packet(), [Stage.BEFORE_TRACKING_IN, Stage.BEFORE_TRANSLATION, Stage.INPUT]),
        (sent(), [Stage.BEFORE_TRACKING_OUT, Stage.OUTPUT]),
        (
            forwarded(),
            [
                Stage.BEFORE_TRACKING_IN,
                Stage.BEFORE_TRANSLATION,
                Stage.FORWARDED_FROM_INTERFACE,
                Stage.FORWARDED_FROM_WORKLOAD,
                Stage.FORWARDED_TO_WORKLOAD,
                Stage.FORWARDED_TO_INTERFACE,
            ],
        ),
    ],
)
def test_stages_come_in_the_order_of_the_picture(met: Packet, expected: list[Stage]) -> None:
    trace = explain(Host().build(), met).trace
    assert [step.text.partition(":")[0] for step in trace] == expected


@sentence("untracked-allow")
def test_untracked_packets_have_no_connection_in_later_stages() -> None:
    host = Host().interface(untracked=ALLOWS).interface("eth1", forward=NO_UDP)
    for state in ConnectionState:
        assert host.reason(forwarded(state=state)) is Reason.TIER_DEFAULT_DENY


@sentence("stage-original")
def test_only_stages_before_translation_see_the_original_destination() -> None:
    translated = packet(
        destination_port=8080, original_destination="203.0.113.1", original_destination_port=80
    )
    assert PRE_ALLOWS.reason(translated) is Reason.POLICY_ALLOW
    assert Host().interface(local=ALLOWS_WEB).reason(translated) is Reason.TIER_DEFAULT_DENY


@sentence("action-reject")
def test_before_translation_a_packet_can_be_rejected() -> None:
    verdict = evaluate(Host().interface(pre_dnat=simple(REJECT)).build(), packet())
    assert (verdict.outcome, verdict.answered) == (Outcome.DENY, True)


def test_a_forwarded_packet_must_say_where_it_leaves() -> None:
    with pytest.raises(ValueError, match="out_interface"):
        evaluate(Host().build(), packet(path="forward"))


@sentence("tier-no-default")
def test_untracked_policy_that_does_not_decide_leaves_the_packet_tracked() -> None:
    host = Host().interface(untracked=(tier("a", policy("a1", PASS)), *NO_UDP), local=DENIES)
    assert host.reason(packet(state=ESTABLISHED)) is Reason.ESTABLISHED


INWARD = (tier("default", policy("p", ALLOW, egress=[DENY])),)
ALL_INWARD = (
    Host(workload_to_host=Action.ALLOW)
    .interface("eth0", local=INWARD)
    .interface("eth1", forward=INWARD)
    .interface("eth2", untracked=INWARD)
    .workload("cali1", tiers=INWARD)
)


@pytest.mark.parametrize(
    ("met", "stage", "direction"),
    [
        (packet(), Stage.INPUT, Direction.INGRESS),
        (sent(), Stage.OUTPUT, Direction.EGRESS),
        (forwarded("eth0", interface="eth1"), Stage.FORWARDED_FROM_INTERFACE, Direction.INGRESS),
        (forwarded("eth1"), Stage.FORWARDED_TO_INTERFACE, Direction.EGRESS),
        (packet(interface="eth2"), Stage.BEFORE_TRACKING_IN, Direction.INGRESS),
        (sent(interface="eth2"), Stage.BEFORE_TRACKING_OUT, Direction.EGRESS),
        (forwarded("cali1"), Stage.FORWARDED_TO_WORKLOAD, Direction.INGRESS),
        (forwarded("eth0", **FROM_WORKLOAD), Stage.FORWARDED_FROM_WORKLOAD, Direction.EGRESS),
        (packet(**FROM_WORKLOAD), Stage.INPUT, Direction.EGRESS),
    ],
)
def test_each_stage_asks_the_rules_of_its_direction(met: Packet, stage: Stage, direction: Direction) -> None:
    verdict = evaluate(ALL_INWARD.build(), met)
    outcome = Outcome.ALLOW if direction is Direction.INGRESS else Outcome.DENY
    assert (verdict.outcome, verdict.stage, verdict.direction) == (outcome, stage, direction)


@sentence("stage-original")
def test_untracked_egress_policy_sees_the_original_destination() -> None:
    host = Host().interface(
        untracked=simple(rule(Action.DENY, destination=nets("203.0.113.1"))), local=ALLOWS
    )
    assert host.reason(sent(original_destination="203.0.113.1")) is Reason.POLICY_DENY
    assert (
        host.reason(sent(destination="203.0.113.1", original_destination="198.51.100.7"))
        is Reason.POLICY_ALLOW
    )
