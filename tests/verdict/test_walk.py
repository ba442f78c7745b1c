from __future__ import annotations

import pytest
from tests.verdict.hosts import (
    ALLOW,
    DENY,
    LOG,
    PASS,
    REJECT,
    Host,
    case,
    packet,
    policy,
    profile,
    rule,
    sentence,
    tier,
)

from catflap.model.resources import Action, Direction, Kind, ResourceKey
from catflap.verdict.evaluate import evaluate
from catflap.verdict.result import Outcome, Reason, Stage, Verdict

UDP_ONLY = rule(Action.DENY, protocol=17)  # no packet here is UDP
A_ALLOWS, A_DENIES = tier("a", policy("a1", ALLOW)), tier("a", policy("a1", DENY))
A_PASSES = tier("a", policy("a1", PASS), policy("a2", DENY))
A_SILENT = tier("a", policy("a1", UDP_ONLY))
A_LETS_GO = tier("a", policy("a1", UDP_ONLY), default=Action.PASS)
B_ALLOWS = tier("b", policy("b1", ALLOW))
X_ALLOWS, X_DENIES, X_PASSES = (profile("x", item) for item in (ALLOW, DENY, PASS))
X_SILENT, Y_ALLOWS = profile("x", UDP_ONLY), profile("y", ALLOW)


@pytest.mark.parametrize(
    ("tiers", "profiles", "expected"),
    [
        case("action-allow", [A_ALLOWS, tier("b", policy("b1", DENY))], [X_DENIES], "POLICY_ALLOW a/a1"),
        case("action-deny", [A_DENIES, B_ALLOWS], [X_ALLOWS], "POLICY_DENY a/a1"),
        case("action-pass", [A_PASSES, B_ALLOWS], [], "POLICY_ALLOW b/b1"),
        case("action-log", [tier("a", policy("a1", LOG))], [], "TIER_DEFAULT_DENY a"),
        case("tier-order", [B_ALLOWS, A_DENIES], [], "POLICY_ALLOW b/b1"),
        case(
            "tier-next-policy",
            [tier("a", policy("a1", UDP_ONLY), policy("a2", ALLOW))],
            [],
            "POLICY_ALLOW a/a2",
        ),
        case("tier-policies", [tier("a", policy("z", ALLOW), policy("a1", DENY))], [], "POLICY_ALLOW a/z"),
        case("tier-default", [A_SILENT, B_ALLOWS], [X_ALLOWS], "TIER_DEFAULT_DENY a"),
        case("tier-default", [A_LETS_GO, B_ALLOWS], [], "POLICY_ALLOW b/b1"),
        case("profile-after-tiers", [], [X_ALLOWS], "PROFILE_ALLOW x"),
        case("profile-after-tiers", [A_PASSES, A_LETS_GO], [X_DENIES], "PROFILE_DENY x"),
        case("profile-order", [], [Y_ALLOWS, X_DENIES], "PROFILE_ALLOW y"),
        case("profile-next", [], [X_SILENT, Y_ALLOWS], "PROFILE_ALLOW y"),
        case("profile-next", [], [X_PASSES, Y_ALLOWS], "PROFILE_ALLOW y"),
        case("profile-missing", [], [X_SILENT, "gone", Y_ALLOWS], "MISSING_PROFILE_DENY gone"),
        case("profile-end", [], [], "NO_MATCH_DENY"),
        case("profile-end", [A_PASSES], [X_PASSES], "NO_MATCH_DENY"),
    ],
)
def test_who_decides(tiers: list[object], profiles: list[object], expected: str) -> None:
    host = Host().interface(local=tiers, profiles=profiles)  # type: ignore[arg-type]  # rows of a table are objects
    assert decision(evaluate(host.build(), packet())) == expected


def decision(verdict: Verdict) -> str:
    """A verdict in a few words: the reason, and the tier, policy or profile."""
    name = verdict.policy.removeprefix("default/").removeprefix("profile ") if verdict.policy else None
    who = "/".join(part for part in (verdict.tier, name) if part)
    return f"{verdict.reason} {who}".strip()


def test_a_verdict_says_exactly_which_rule_decided() -> None:
    host = Host().interface(local=[tier("a", policy("a1", UDP_ONLY, LOG, ALLOW))])
    assert evaluate(host.build(), packet()) == Verdict(
        Outcome.ALLOW,
        Reason.POLICY_ALLOW,
        Stage.INPUT,
        tier="a",
        policy="default/a1",
        rule=2,
        key=ResourceKey(Kind.POLICY, "a1", "default"),
        direction=Direction.INGRESS,
    )


@sentence("action-reject")
@pytest.mark.parametrize("profiles", [False, True])
def test_reject_is_deny_with_an_answer(*, profiles: bool) -> None:
    def verdict(item: object) -> Verdict:
        host = Host()
        if profiles:
            host.interface(profiles=[profile("x", item)])  # type: ignore[arg-type]  # one of the two below
        else:
            host.interface(local=[tier("a", policy("a1", item))])  # type: ignore[arg-type]  # the same
        return evaluate(host.build(), packet())

    denied, rejected = verdict(DENY), verdict(REJECT)
    assert (denied.outcome, denied.reason) == (rejected.outcome, rejected.reason)
    assert (denied.answered, rejected.answered) == (False, True)


@sentence("tier-no-default")
def test_before_tracking_and_translation_tiers_have_no_default_action() -> None:
    host = Host().interface(untracked=[A_SILENT], pre_dnat=[A_SILENT], local=[B_ALLOWS])
    assert decision(evaluate(host.build(), packet())) == "POLICY_ALLOW b/b1"
