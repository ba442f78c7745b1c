"""The walk through tiers, policies and profiles: the order in which rules are asked, and what follows from the answer.

A visit is one packet in one stage. Functions here and in `stages` return the verdict of the stage, or None where it
has nothing to say and the packet goes on.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from catflap.model.resources import Action, Direction
from catflap.verdict.header import Header
from catflap.verdict.match import Rule, first_match
from catflap.verdict.packet import ConnectionState
from catflap.verdict.prepared import Profile, RuleList, Side, Tier
from catflap.verdict.result import Outcome, Reason, Stage, Verdict
from catflap.verdict.trace import RULES, TOPIC, Recorder


class Visit(msgspec.Struct, frozen=True):
    """One packet in one stage.

    ``state`` is None for a packet that is not tracked; ``accepted`` says that policy before tracking or before
    destination translation has allowed it.
    """

    stage: Stage
    direction: Direction
    header: Header
    state: ConnectionState | None
    accepted: bool
    recorder: Recorder

    def finds(self, text: str, matched: bool, sentence: str) -> bool:
        """Note what was asked, and return the answer."""
        self.recorder.step(TOPIC, text, sentence, matched)
        return matched

    def allow(self, reason: Reason) -> Verdict:
        """Let it through this stage."""
        return Verdict(Outcome.ALLOW, reason, self.stage, direction=self.direction)

    def deny(self, reason: Reason, tier: str | None = None, policy: str | None = None) -> Verdict:
        """Drop it."""
        return Verdict(Outcome.DENY, reason, self.stage, tier, policy, direction=self.direction)

    def by_rule(self, reason: Reason, rules: RuleList, rule: Rule, tier: str | None = None) -> Verdict:
        """Do what a rule says: allow, or else drop."""
        allows = rule.action is Action.ALLOW  # [action-allow] [action-deny]
        return Verdict(
            outcome=Outcome.ALLOW if allows else Outcome.DENY,
            reason=reason,
            stage=self.stage,
            tier=tier,
            policy=rules.title,
            rule=rule.number,
            key=rules.key,
            direction=self.direction,
            answered=rule.action is Action.REJECT,  # [action-reject]
        )


def walk_side(visit: Visit, side: Side) -> Verdict:
    """Tiers, then profiles, then the end: somebody decides."""
    return (
        walk_tiers(visit, side.tiers, with_default=True)
        or _walk_profiles(visit, side.profiles)
        or _no_match(visit, side)
    )


def walk_tiers(visit: Visit, tiers: Sequence[Tier], *, with_default: bool) -> Verdict | None:
    """The verdict of the first tier that gives one.

    Args:
        visit: the packet and where it is.
        tiers: in order.
        with_default: whether a tier's default action holds at its end.
    """
    for tier in tiers:  # [tier-order]
        verdict = _walk_tier(visit, tier, with_default=with_default)
        if verdict is not None:
            return verdict
    return None


def _walk_tier(visit: Visit, tier: Tier, *, with_default: bool) -> Verdict | None:
    recorder, header = visit.recorder, visit.header
    recorder.step(TOPIC, f"tier {tier.name}", "tier-policies")
    for policy in tier.policies:
        rule = first_match(policy.rules, header)
        recorder.rules(policy.title, policy.rules, rule, header)
        if rule is None:
            continue  # [tier-next-policy]
        if rule.action is Action.PASS:
            recorder.step(RULES, f"the packet leaves tier {tier.name}", "action-pass")
            return None
        reason = Reason.POLICY_ALLOW if rule.action is Action.ALLOW else Reason.POLICY_DENY
        return visit.by_rule(reason, policy, rule, tier.name)
    return _end_of_tier(visit, tier, with_default=with_default)


def _end_of_tier(visit: Visit, tier: Tier, *, with_default: bool) -> Verdict | None:
    if not with_default:
        text = f"no policy of tier {tier.name} decides; here it has no default action"
        visit.recorder.step(RULES, text, "tier-no-default")
        return None
    text = f"no policy of tier {tier.name} decides: {tier.default_action} by default"
    visit.recorder.step(RULES, text, "tier-default")
    if tier.default_action is Action.PASS:
        return None
    return visit.deny(Reason.TIER_DEFAULT_DENY, tier.name)


def _walk_profiles(visit: Visit, profiles: Sequence[Profile]) -> Verdict | None:
    if profiles:
        visit.recorder.step(TOPIC, "profiles", "profile-after-tiers")
    for profile in profiles:  # [profile-order]
        verdict = _walk_profile(visit, profile)
        if verdict is not None:
            return verdict
    return None


def _walk_profile(visit: Visit, profile: Profile) -> Verdict | None:
    if profile.rules is None:
        visit.recorder.step(RULES, f"profile {profile.name} does not exist: Deny", "profile-missing")
        return visit.deny(Reason.MISSING_PROFILE_DENY, policy=f"profile {profile.name}")
    rules = profile.rules
    rule = first_match(rules.rules, visit.header)
    visit.recorder.rules(rules.title, rules.rules, rule, visit.header)
    if rule is None or rule.action is Action.PASS:
        return None  # [profile-next]
    reason = Reason.PROFILE_ALLOW if rule.action is Action.ALLOW else Reason.PROFILE_DENY
    return visit.by_rule(reason, rules, rule)


def _no_match(visit: Visit, side: Side) -> Verdict:
    asked = (
        "no tier and no profile decides"
        if side.tiers or side.profiles
        else "no policy and no profile applies"
    )
    visit.recorder.step(TOPIC, f"{asked}: Deny", "profile-end")
    return visit.deny(Reason.NO_MATCH_DENY)
