"""Everything that explains one verdict: who polices the packet, how it was decided, and what nearly decided otherwise.

Only gathers; what it looks like is another module's matter.
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping
from typing import Any, Final

import msgspec

from catflap.cli.answers import answer, policy_name, short_answer
from catflap.cli.hosts import Host
from catflap.cli.notes import notes
from catflap.cli.owners import Owner, owners
from catflap.cli.questions import Question, packet_interfaces
from catflap.cli.what_if import Unasked, overruled, unasked
from catflap.cli.world import World
from catflap.model import Kind, Policy, ResourceKey
from catflap.policy import HostPolicy
from catflap.verdict.evaluate import Context, Evaluator
from catflap.verdict.result import Verdict

MOST_NEAR: Final = 10  # policies that would have decided otherwise


class Coverage(msgspec.Struct, frozen=True):
    """Who polices one interface of the packet's way.

    ``because`` is the winner as a phrase, ``others`` those that lost. ``labels`` are the effective ones; ``inherited``
    names those that come from profiles.
    """

    interface: str
    endpoint: ResourceKey | None
    because: str = ""
    others: tuple[str, ...] = ()
    labels: Mapping[str, str] = {}
    inherited: tuple[str, ...] = ()


class Explanation(msgspec.Struct, frozen=True):
    """The verdict on one packet, and why."""

    question: Question
    verdict: Verdict
    coverage: tuple[Coverage, ...]
    owners: tuple[Owner, ...]  # of the addresses that are not the host's own
    near: tuple[Unasked, ...]
    near_left_out: int
    overruled: tuple[Verdict, ...]  # what stands in between, and last the rule that would decide otherwise
    invalid: tuple[str, ...]
    notes: tuple[str, ...]


def explain(world: World, question: Question) -> Explanation:
    """Ask the host of a question, and look at all that could have been different."""
    host, packet = question.host, question.packet
    policy = host.policy(packet.interface, question.local)
    verdict = Evaluator(policy).explain(packet, Context(owners=host.engine.owners))
    coverage = tuple(_coverage(host, policy, interface) for interface in packet_interfaces(packet))
    uncovered = [item.interface for item in coverage if item.endpoint is None]
    near = [found for item in coverage for found in _near(world, question, item, verdict)]
    return Explanation(
        question=question,
        verdict=verdict,
        coverage=coverage,
        owners=tuple(_others(world, question, {item.endpoint for item in coverage})),
        near=tuple(near[:MOST_NEAR]),
        near_left_out=max(0, len(near) - MOST_NEAR),
        overruled=overruled(policy, packet, verdict),
        invalid=tuple(map(world.describe, world.problems)),
        notes=tuple(notes(world, question, policy, verdict, uncovered)),
    )


def _others(world: World, question: Question, known: Container[ResourceKey | None]) -> Iterator[Owner]:
    for address in (question.packet.source, question.packet.destination):
        if address != question.local:
            yield from owners(world, question.host, address, known)


def _coverage(host: Host, policy: HostPolicy, interface: str) -> Coverage:
    for workload in policy.workloads:
        if workload.interface == interface:
            return _described(
                host, interface, workload.endpoint, f"{workload.endpoint}, whose interface it is"
            )
    candidates = host.engine.interface_candidates(interface)
    others = tuple(map(str, candidates.losers))
    if candidates.winner is None:
        return Coverage(interface, None, others=others)
    covering = _described(host, interface, candidates.winner.endpoint, str(candidates.winner))
    return msgspec.structs.replace(covering, others=others)


def _described(host: Host, interface: str, key: ResourceKey, because: str) -> Coverage:
    labels = host.engine.effective_labels(key)
    own = host.own_labels(key)
    return Coverage(
        interface=interface,
        endpoint=key,
        because=because,
        labels=dict(sorted(labels.items())),
        inherited=tuple(sorted(labels.keys() - own.keys())),
    )


def _near(world: World, question: Question, covering: Coverage, verdict: Verdict) -> list[Unasked]:
    if covering.endpoint is None:
        return []
    is_workload = covering.endpoint.kind is Kind.WORKLOAD_ENDPOINT
    policies = {
        key: item
        for key, item in world.resources.of(Policy).items()
        if is_workload or not key.namespace  # such a policy is for the workloads of its namespace
    }
    return unasked(question.host, policies, covering.endpoint, question.packet, verdict)


def as_data(explanation: Explanation) -> dict[str, Any]:
    """All of it, for programs."""
    question = explanation.question
    return {
        **answer(question, explanation.verdict),
        "host": question.host.name,
        "packet": msgspec.to_builtins(question.packet),
        "endpoints": [
            {**msgspec.to_builtins(item), "endpoint": item.endpoint and str(item.endpoint)}
            for item in explanation.coverage
        ],
        "other_ends": msgspec.to_builtins(explanation.owners),
        "not_asked": [
            {**short_answer(item.verdict), "policy": policy_name(item.key), "mismatch": item.mismatch}
            for item in explanation.near
        ],
        "overruled": short_answer(explanation.overruled[-1]) if explanation.overruled else None,
        "in_between": [short_answer(item) for item in explanation.overruled[:-1]],
        "invalid": list(explanation.invalid),
        "notes": list(explanation.notes),
    }
