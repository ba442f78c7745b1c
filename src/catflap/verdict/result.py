"""What the evaluator answers: the verdict, a stable reason code, who decided, and the trace of how it came to be."""

from __future__ import annotations

import enum

import msgspec

from catflap.model.resources import Direction, ResourceKey


class Outcome(enum.StrEnum):
    """What becomes of the packet, as far as Catflap decides. Allow means that Catflap does not drop it."""

    ALLOW = "allow"
    DENY = "deny"


class Reason(enum.StrEnum):
    """Stable reason codes."""

    POLICY_ALLOW = "POLICY_ALLOW"
    POLICY_DENY = "POLICY_DENY"
    TIER_DEFAULT_DENY = "TIER_DEFAULT_DENY"
    PROFILE_ALLOW = "PROFILE_ALLOW"
    PROFILE_DENY = "PROFILE_DENY"
    MISSING_PROFILE_DENY = "MISSING_PROFILE_DENY"
    NO_MATCH_DENY = "NO_MATCH_DENY"
    FAILSAFE_ALLOW = "FAILSAFE_ALLOW"
    ESSENTIAL_ICMPV6 = "ESSENTIAL_ICMPV6"
    ESTABLISHED = "ESTABLISHED"
    INVALID = "INVALID"
    NO_ENDPOINT = "NO_ENDPOINT"
    NO_FORWARD_POLICY = "NO_FORWARD_POLICY"
    UNKNOWN_WORKLOAD = "UNKNOWN_WORKLOAD"
    SPOOFED_SOURCE = "SPOOFED_SOURCE"
    WORKLOAD_SERVICE = "WORKLOAD_SERVICE"
    WORKLOAD_TO_HOST_DENY = "WORKLOAD_TO_HOST_DENY"
    HOST_TO_WORKLOAD = "HOST_TO_WORKLOAD"
    ALL_TIERS_PASSED = "ALL_TIERS_PASSED"


class Stage(enum.StrEnum):
    """Where on its way through the host a packet meets rules, in the words of the reference."""

    BEFORE_TRACKING_IN = "before tracking, in"
    BEFORE_TRANSLATION = "before destination translation"
    FORWARDED_FROM_INTERFACE = "forwarded, from interface"
    FORWARDED_FROM_WORKLOAD = "forwarded, from workload"
    FORWARDED_TO_WORKLOAD = "forwarded, to workload"
    FORWARDED_TO_INTERFACE = "forwarded, to interface"
    INPUT = "input"
    BEFORE_TRACKING_OUT = "before tracking, out"
    OUTPUT = "output"


class Step(msgspec.Struct, frozen=True):
    """One line of the trace, with what it consists of.

    ``text`` is a sentence or phrase for people; ``matched`` is True, False, or None where nothing was compared. A rule
    is a ``near_miss`` when exactly one of its clauses fails. ``sentence`` is the id of the sentence of
    docs/reference/policy.md that the step follows.
    """

    text: str
    matched: bool | None = None
    steps: tuple[Step, ...] = ()
    near_miss: bool = False
    sentence: str | None = None


class Verdict(msgspec.Struct, frozen=True):
    """The answer for one packet.

    ``tier``, ``policy`` (its title; or that of a profile) and ``rule`` (its number from 0) name who decided, where
    policy did; ``key``, ``direction`` and ``stage`` say so exactly. ``answered``: the sender is told (Reject).
    """

    outcome: Outcome
    reason: Reason
    stage: Stage
    tier: str | None = None
    policy: str | None = None
    rule: int | None = None
    key: ResourceKey | None = None
    direction: Direction | None = None
    answered: bool = False
    trace: tuple[Step, ...] = ()
