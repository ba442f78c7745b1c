from __future__ import annotations

from collections.abc import Iterator, Sequence

from tests.verdict.hosts import (
    ALLOW,
    LOG,
    PASS,
    Host,
    failsafe,
    ip_sets,
    local,
    nets,
    packet,
    policy,
    ports,
    profile,
    rule,
    sentence,
    simple,
    tier,
)

from catflap.model.resources import Action
from catflap.policy.host_policy import MatchPeer
from catflap.verdict.evaluate import Context, explain
from catflap.verdict.packet import Packet
from catflap.verdict.result import Step
from catflap.verdict.trace import RULES, STAGE, TOPIC, Recorder, TraceRecorder, nobody

WEB = rule(protocol=6, destination=ports(80, 8080))


def outline(steps: Sequence[Step], depth: int = 0) -> Iterator[str]:
    for step in steps:
        yield "  " * depth + step.text
        yield from outline(step.steps, depth + 1)


def texts(host: Host, met: Packet, context: Context | None = None) -> list[str]:
    """The outline of the last stage."""
    return list(outline(explain(host.build(), met, context or Context()).trace[-1:]))


def all_steps(steps: Sequence[Step]) -> Iterator[Step]:
    for step in steps:
        yield step
        yield from all_steps(step.steps)


def test_a_trace_is_nested_from_the_stage_to_the_single_comparison() -> None:
    host = local(rule(Action.DENY, protocol=17), LOG, WEB, ALLOW)
    assert texts(host, packet()) == [
        "input: eth0, policed by HostEndpoint host/eth0",
        "  an earlier stage has accepted it",
        "  its connection is established or related",
        "  it goes to a failsafe port",
        "  it is essential ICMPv6",
        "  connection tracking calls it invalid",
        "  tier default",
        "    default/p",
        "      rule 0 (Deny): protocol tcp is not udp",
        "        protocol tcp is not udp",
        "      rule 1 (Log) matches every packet",
        "      rule 2 (Allow) matches",
        "        protocol tcp is tcp",
        "        destination port 80 is in 80, 8080",
    ]


def test_a_trace_ends_with_what_decided() -> None:
    assert texts(Host(failsafe=failsafe()).interface(), packet(destination_port=22))[-1] == (
        "  it goes to a failsafe port"
    )


@sentence("tier-default", "profile-missing", "profile-end", "action-pass")
def test_what_no_rule_says_is_a_step_too() -> None:
    assert texts(local(WEB), packet(destination_port=443))[-1] == (
        "    no policy of tier default decides: Deny by default"
    )
    assert texts(Host().interface(local=simple(PASS)), packet())[-2:] == [
        "    the packet leaves tier default",
        "  no tier and no profile decides: Deny",
    ]
    assert texts(Host().interface(), packet())[-1] == "  no policy and no profile applies: Deny"
    assert texts(Host().interface(profiles=["gone"]), packet())[-2:] == [
        "  profiles",
        "    profile gone does not exist: Deny",
    ]


def test_stages_that_do_not_exist_are_named() -> None:
    trace = explain(local(ALLOW).build(), packet()).trace
    assert [step.text for step in trace[:2]] == [
        "before tracking, in: nothing on eth0",
        "before destination translation: nothing on eth0",
    ]


def rule_step(item: object, met: Packet, **fields: object) -> Step:
    """The step of a single rule."""
    trace = explain(local(item, **fields).build(), met).trace  # type: ignore[arg-type]  # any rule
    return next(step for step in all_steps(trace) if step.text.startswith("rule 0"))


def test_a_near_miss_is_a_rule_of_which_one_clause_fails() -> None:
    step = rule_step(WEB, packet(destination_port=443))
    assert step.text == "rule 0 (Allow): destination port 443 is not in 80, 8080"
    assert (step.matched, step.near_miss) == (False, True)
    assert [clause.matched for clause in step.steps] == [True, False]


def test_a_rule_that_fails_in_two_ways_is_none() -> None:
    assert not rule_step(WEB, packet(protocol=17, destination_port=443)).near_miss
    assert not rule_step(WEB, packet()).near_miss


def test_what_a_rule_excludes_is_said() -> None:
    excluded = rule(source=MatchPeer(not_nets=("198.51.100.0/24",)))
    assert rule_step(excluded, packet()).text == (
        "rule 0 (Allow): source 198.51.100.7 is in 198.51.100.0/24, which the rule excludes"
    )
    assert rule_step(excluded, packet(source="10.0.0.1")).steps == (
        Step("source 10.0.0.1 is not in 198.51.100.0/24", matched=True, sentence="match-nets"),
    )


def test_what_a_packet_does_not_have_is_said() -> None:
    assert rule_step(rule(destination=ports(80)), packet(protocol=1)).text == (
        "rule 0 (Allow): the packet has no destination port"
    )


def test_a_set_is_named_with_those_who_put_the_address_there() -> None:
    host = local(rule(source=MatchPeer(ip_sets=("web",))), ip_sets=ip_sets(web=["198.51.100.7"]))

    def owners(set_id: str, address: str) -> list[str]:
        return {("web", "198.51.100.7"): ["host endpoint a/eth0", "network set b"]}[set_id, address]

    assert texts(host, packet(), Context(owners))[-1].strip() == (
        "source 198.51.100.7 is in the set of role == 'web' (host endpoint a/eth0, network set b)"
    )
    assert texts(host, packet())[-1].strip() == "source 198.51.100.7 is in the set of role == 'web'"


def test_nobody_is_asked_who_put_an_address_where_it_is_not() -> None:
    host = local(rule(source=MatchPeer(ip_sets=("web",))), ip_sets=ip_sets(web=[]))

    def owners(_set_id: str, _address: str) -> list[str]:
        raise AssertionError

    assert "is not in the set" in texts(host, packet(), Context(owners))[-3]


def test_profiles_stand_below_the_tiers() -> None:
    tiers = [tier("default", policy("p", rule(protocol=17)), default=Action.PASS)]
    host = Host().interface(local=tiers, profiles=[profile("x", rule(source=nets("10.0.0.0/8")), ALLOW)])
    assert texts(host, packet())[-5:] == [
        "  profiles",
        "    profile x",
        "      rule 0 (Allow): source 198.51.100.7 is not in 10.0.0.0/8",
        "        source 198.51.100.7 is not in 10.0.0.0/8",
        "      rule 1 (Allow) matches every packet",
    ]


def test_a_step_belongs_to_the_last_one_of_a_higher_level() -> None:
    recorder = TraceRecorder(nobody)
    for level, text in ((STAGE, "a"), (RULES, "a.1"), (TOPIC, "a.2"), (RULES, "a.2.1"), (STAGE, "b")):
        recorder.step(level, text, "stage-order")
    assert list(outline(recorder.trace())) == ["a", "  a.1", "  a.2", "    a.2.1", "b"]


def test_the_silent_recorder_takes_everything_and_keeps_nothing() -> None:
    recorder = Recorder()
    recorder.step(STAGE, "text", "stage-order")
    assert vars(recorder) == {}
