from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.verdict.any_policy import SETS, any_host, any_packet, some_rules
from tests.verdict.hosts import ALLOW, LOG, Host, failsafe, forwarded, local, packet, sent, sentence, simple

from catflap.model.resources import Action
from catflap.policy.host_policy import HostPolicy, MatchRule, RuleLists
from catflap.verdict.evaluate import Evaluator, evaluate, explain
from catflap.verdict.packet import ConnectionState, Packet, Path
from catflap.verdict.result import Outcome, Reason, Stage


@pytest.mark.parametrize("met", [packet(source="nonsense"), packet(destination="192.0.2.1/32")])
def test_what_is_no_address_is_refused(met: Packet) -> None:
    with pytest.raises(ValueError, match="does not appear to be"):
        evaluate(Host().build(), met)


@sentence("stage-last")
def test_of_stages_that_allow_the_last_one_is_named() -> None:
    host = (
        Host()
        .interface(pre_dnat=simple(ALLOW), forward=simple(ALLOW))
        .interface("eth1", forward=simple(ALLOW))
    )
    assert evaluate(host.build(), forwarded()).stage is Stage.FORWARDED_TO_INTERFACE


@sentence("forward-none")
def test_forwarding_without_policy_is_told_from_interfaces_without_endpoint() -> None:
    assert Host().interface("eth1").reason(forwarded()) is Reason.NO_FORWARD_POLICY
    assert Host().interface("eth0").reason(forwarded()) is Reason.NO_FORWARD_POLICY
    assert Host().interface("eth2").reason(forwarded()) is Reason.NO_ENDPOINT


@given(any_host(), any_packet())
def test_every_packet_gets_a_verdict_and_the_trace_does_not_change_it(
    policy: HostPolicy, met: Packet
) -> None:
    verdict = evaluate(policy, met)
    explained = explain(policy, met)
    assert explained.trace
    assert msgspec.structs.replace(explained, trace=()) == verdict == Evaluator(policy).evaluate(met)


def changed(policy: HostPolicy, change: object) -> HostPolicy:
    """The same policy with other rules everywhere."""

    def lists(old: RuleLists) -> RuleLists:
        return RuleLists(old.key, old.title, change(old.ingress), change(old.egress), old.kind)  # type: ignore[operator]  # a function

    return msgspec.structs.replace(
        policy,
        policies={key: lists(value) for key, value in policy.policies.items()},
        profiles={key: lists(value) for key, value in policy.profiles.items()},
    )


@sentence("action-log")
@given(any_host(), any_packet(), st.integers(0, 3))
def test_a_log_rule_more_changes_no_verdict(policy: HostPolicy, met: Packet, place: int) -> None:
    def with_log(rules: tuple[MatchRule, ...]) -> tuple[MatchRule, ...]:
        return (*rules[:place], LOG, *rules[place:])  # numbers stay with their rules

    assert evaluate(changed(policy, with_log), met) == evaluate(policy, met)


@sentence("action-reject")
@given(any_host(), any_packet())
def test_reject_denies_what_deny_denies(policy: HostPolicy, met: Packet) -> None:
    def rejecting(rules: tuple[MatchRule, ...]) -> tuple[MatchRule, ...]:
        return tuple(
            msgspec.structs.replace(rule, action=Action.REJECT) if rule.action is Action.DENY else rule
            for rule in rules
        )

    verdict = evaluate(changed(policy, rejecting), met)
    assert msgspec.structs.replace(verdict, answered=False) == msgspec.structs.replace(
        evaluate(policy, met), answered=False
    )


@sentence("failsafe-allow")
@given(some_rules, st.sampled_from(list(ConnectionState)), st.booleans())
def test_a_failsafe_port_is_open_whatever_local_policy_says(
    rules: list[MatchRule], state: ConnectionState, out: bool
) -> None:
    host = local(*rules, failsafe=failsafe(), **SETS)
    met = sent(destination_port=2379, state=state) if out else packet(destination_port=22, state=state)
    assert evaluate(host.build(), met).outcome is Outcome.ALLOW


@sentence("state-established")
@given(any_host(), any_packet())
def test_established_is_allowed_but_for_spoofing_unknown_workloads_and_untracked_policy(
    policy: HostPolicy, met: Packet
) -> None:
    verdict = evaluate(policy, msgspec.structs.replace(met, state=ConnectionState.ESTABLISHED))
    raw = {Stage.BEFORE_TRACKING_IN, Stage.BEFORE_TRACKING_OUT}
    accepted_untracked = any(item.untracked_ingress for item in policy.interfaces)
    barred = {Reason.UNKNOWN_WORKLOAD, Reason.SPOOFED_SOURCE}
    excepted = verdict.reason in barred or verdict.stage in raw or accepted_untracked
    assert verdict.outcome is Outcome.ALLOW or excepted


@sentence("stage-deny", "action-deny")
@given(any_host(), any_packet())
def test_a_host_whose_rules_all_deny_allows_nothing_by_policy(policy: HostPolicy, met: Packet) -> None:
    def denying(rules: tuple[MatchRule, ...]) -> tuple[MatchRule, ...]:
        return tuple(msgspec.structs.replace(rule, action=Action.DENY) for rule in rules)

    verdict = evaluate(changed(policy, denying), met)
    assert verdict.reason not in {Reason.POLICY_ALLOW, Reason.PROFILE_ALLOW}


@sentence("limit-state")
def test_connections_outlive_the_policy_that_allowed_them() -> None:
    denying = local(MatchRule(0, Action.DENY)).build()
    assert evaluate(denying, packet()).outcome is Outcome.DENY
    assert evaluate(denying, packet(state=ConnectionState.ESTABLISHED)).outcome is Outcome.ALLOW


@sentence("limit-own-translation")
def test_a_packet_of_the_hosts_own_is_judged_by_the_interface_of_its_first_route() -> None:
    closed = local(MatchRule(0, Action.DENY)).build()
    translated = packet(
        path=Path.OUT, destination="203.0.113.9", original_destination="192.0.2.9", interface="eth9"
    )
    assert evaluate(closed, translated).reason is Reason.NO_ENDPOINT
