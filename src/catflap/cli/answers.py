"""A verdict in words and as data, the same wherever it is shown."""

from __future__ import annotations

from typing import Any

import msgspec

from catflap.cli.questions import Question
from catflap.model import ResourceKey
from catflap.verdict.result import Verdict


def headline(verdict: Verdict) -> str:
    """The verdict in a few words: ``deny, TIER_DEFAULT_DENY of tier default``."""
    return f"{verdict.outcome}, {decider(verdict)}"


def decider(verdict: Verdict) -> str:
    """The reason, and who decided."""
    if verdict.rule is not None:
        return f"{verdict.reason} by {rule_title(verdict)}"
    if verdict.tier is not None:
        return f"{verdict.reason} of tier {verdict.tier}"
    return f"{verdict.reason} by {verdict.policy}" if verdict.policy else str(verdict.reason)


def rule_title(verdict: Verdict) -> str:
    """The rule that decided, for people: ``default/web, Ingress rule 0``."""
    return f"{verdict.policy}, {verdict.direction} rule {verdict.rule}"


def answer(question: Question, verdict: Verdict) -> dict[str, Any]:
    """The verdict as data: what is promised for every packet, and what else costs nothing."""
    return {
        "id": question.id,
        **short_answer(verdict),
        "stage": str(verdict.stage),
        "direction": verdict.direction and str(verdict.direction),
        "answered": verdict.answered,
        "trace": msgspec.to_builtins(verdict.trace),
    }


def policy_name(key: ResourceKey) -> str:
    """The name of a policy or profile, with its namespace where it has one."""
    return f"{key.namespace}/{key.name}" if key.namespace else key.name


def short_answer(verdict: Verdict) -> dict[str, Any]:
    """The same without what is about one packet alone: for a verdict that could have been."""
    return {
        "verdict": str(verdict.outcome),
        "reason": str(verdict.reason),
        "tier": verdict.tier,
        "policy": policy_name(verdict.key) if verdict.key else verdict.policy,
        "rule": verdict.rule,
    }
