"""Counts what a run has met, so that one that proves nothing is seen."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import msgspec

from catflap.policy import HostPolicy
from catflap.policy.host_policy import MatchPeer, MatchRule
from catflap.prove.compare import Answer
from catflap.prove.kernel import Place
from catflap.verdict.result import Reason, Stage, Verdict

_NO_CRITERION = frozenset({"number", "action", "log_prefix", "annotations"})


class Coverage(msgspec.Struct):
    """How often each thing occurred, by topic."""

    worlds: int = 0
    packets: int = 0
    invalid_documents: int = 0
    unroutable: int = 0
    reasons: Counter[str] = msgspec.field(default_factory=Counter)
    stages: Counter[str] = msgspec.field(default_factory=Counter)
    paths: Counter[str] = msgspec.field(default_factory=Counter)
    states: Counter[str] = msgspec.field(default_factory=Counter)
    actions: Counter[str] = msgspec.field(default_factory=Counter)
    fields: Counter[str] = msgspec.field(default_factory=Counter)
    translated: int = 0

    def note(self, policy: HostPolicy, answer: Answer) -> None:
        """Count one answer."""
        packet, verdict = answer.question.packet, answer.verdict
        self.packets += 1
        self.unroutable += answer.question.journey.dropped is Place.ROUTING
        self.translated += packet.original_destination is not None
        self.reasons[verdict.reason] += 1
        self.stages[verdict.stage] += 1
        self.paths[packet.path] += 1
        self.states[packet.state] += 1
        rule = _deciding_rule(policy, verdict)
        if rule:
            self.actions[f"{verdict.stage}: {rule.action}"] += 1
            self.fields.update(_criteria(rule))

    def add(self, other: Coverage) -> None:
        """Take over the counts of another part of the run."""
        for name in self.__struct_fields__:
            value = getattr(self, name)
            if isinstance(value, Counter):
                value.update(getattr(other, name))
            else:
                setattr(self, name, value + getattr(other, name))

    def gaps(self) -> list[str]:
        """What should have occurred and did not."""
        reasons = [f"reason {reason}" for reason in Reason if not self.reasons[reason]]
        return reasons + [f"stage {stage}" for stage in Stage if not self.stages[stage]]


def _deciding_rule(policy: HostPolicy, verdict: Verdict) -> MatchRule | None:
    if verdict.key is None or verdict.rule is None or verdict.direction is None:
        return None
    lists = policy.policies.get(verdict.key) or policy.profiles[verdict.key]
    return next(rule for rule in lists.rules(verdict.direction) if rule.number == verdict.rule)


def _criteria(rule: MatchRule) -> Iterator[str]:
    for name in rule.__struct_fields__:
        value = getattr(rule, name)
        if isinstance(value, MatchPeer):
            yield from (f"{name}.{field}" for field in value.__struct_fields__ if getattr(value, field))
        elif value is not None and name not in _NO_CRITERION:
            yield name
