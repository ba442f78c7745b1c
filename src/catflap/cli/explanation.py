"""Everything that explains one verdict: who polices the packet, how it was decided, and what nearly decided otherwise.

Only gathers; what it looks like is another module's matter.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec

from catflap.agent.failsafe import format_failsafe
from catflap.cli.hosts import Host
from catflap.cli.questions import UNNAMED, Question
from catflap.cli.what_if import Unselected, overruled, unselected
from catflap.cli.world import World
from catflap.model import Encoding, Kind, Policy, ResourceKey
from catflap.model.names import suggestion
from catflap.policy import HostPolicy
from catflap.policy.host_policy import Failsafe
from catflap.verdict.evaluate import Context, Evaluator
from catflap.verdict.packet import Packet, Path
from catflap.verdict.result import Outcome, Reason, Verdict

MOST_NEAR: Final = 10  # policies that would have decided otherwise
MOST_NOTICES: Final = 10


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
    near: tuple[Unselected, ...]
    near_left_out: int
    overruled: Verdict | None
    invalid: tuple[str, ...]
    notes: tuple[str, ...]


def explain(world: World, question: Question) -> Explanation:
    """Ask the host of a question, and look at all that could have been different."""
    host, packet = question.host, question.packet
    policy = host.policy(packet.interface, question.local)
    verdict = Evaluator(policy).explain(packet, Context(owners=host.engine.owners))
    coverage = tuple(_coverage(host, policy, interface) for interface in _interfaces(packet))
    near = [found for item in coverage for found in _near(world, question, item, verdict)]
    return Explanation(
        question=question,
        verdict=verdict,
        coverage=coverage,
        near=tuple(near[:MOST_NEAR]),
        near_left_out=max(0, len(near) - MOST_NEAR),
        overruled=overruled(policy, packet, verdict),
        invalid=tuple(map(world.describe, world.problems)),
        notes=tuple(_notes(world, question, policy, verdict, coverage)),
    )


def _interfaces(packet: Packet) -> tuple[str, ...]:
    return (packet.interface, packet.out_interface) if packet.out_interface else (packet.interface,)


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


def _near(world: World, question: Question, covering: Coverage, verdict: Verdict) -> list[Unselected]:
    if covering.endpoint is None:
        return []
    is_workload = covering.endpoint.kind is Kind.WORKLOAD_ENDPOINT
    policies = {
        key: item
        for key, item in world.resources.of(Policy).items()
        if is_workload or not _is_namespaced(key)
    }
    return unselected(question.host, policies, covering.endpoint, question.packet, verdict)


def _is_namespaced(key: ResourceKey) -> bool:
    """Whether a policy is for the workloads of one namespace."""
    return key.encoding is Encoding.V3 and bool(key.scope)


def _notes(
    world: World, question: Question, policy: HostPolicy, verdict: Verdict, coverage: tuple[Coverage, ...]
) -> Iterator[str]:
    host, packet = question.host, question.packet
    yield from question.notes
    yield from host.notes
    yield from assumptions(question)
    yield from _uncovered(world, host, coverage)
    yield from _empty_sets(policy)
    notices = host.engine.notices
    yield from notices[:MOST_NOTICES]
    if len(notices) > MOST_NOTICES:
        yield f"And {len(notices) - MOST_NOTICES} more of this kind: the agent logs them."
    if verdict.reason is Reason.FAILSAFE_ALLOW:
        bare = Evaluator(msgspec.structs.replace(policy, failsafe=Failsafe())).evaluate(packet)
        yield f"A failsafe port lets it through before policy is asked. Without that: {headline(bare)}."
    if verdict.outcome is Outcome.DENY:
        yield from _failsafe(host, packet.path)
    else:
        yield "Allow is not final: it means that Catflap does not drop the packet."


def _empty_sets(policy: HostPolicy) -> Iterator[str]:
    """Sets that no address is in: a slip in a rule's selector, or endpoints without expected IPs."""
    empty = [
        *(item.description for item in policy.ip_sets.values() if not item.members),
        *(item.description for item in policy.port_sets.values() if not item.members),
    ]
    if empty:
        listed = ", ".join(empty[:MOST_NOTICES])
        yield f"No endpoint or network set with an address matches these selectors of rules: {listed}."


def assumptions(question: Question) -> Iterator[str]:
    """What had to be assumed of the host's interfaces to answer a question."""
    host, packet = question.host, question.packet
    endpoint = host.expecting(packet.interface, question.local)
    if endpoint is not None:
        if packet.interface != UNNAMED and not host.names(packet.interface):
            yield f"Assumed that {packet.interface} carries {question.local}, as {endpoint.name} expects."
        return
    for interface in _interfaces(packet):
        if interface not in host.interfaces and host.unplaced and not host.names(interface):
            expected = host.unplaced[0].expected_ips[0]
            names = ", ".join(endpoint.name for endpoint in host.unplaced)
            yield (
                f"Assumed that {interface} carries no address that {names} expects. If it does, say so:"
                f" --assume-interfaces {interface}={expected}"
            )


def _failsafe(host: Host, path: Path) -> Iterator[str]:
    """The failsafe ports that a packet did not go to."""
    if path is Path.FORWARD:
        return
    name = "FailsafeInboundHostPorts" if path is Path.IN else "FailsafeOutboundHostPorts"
    setting = host.configuration.settings[name.lower()]
    yield f"{name} is {format_failsafe(setting.value)} ({setting.source or 'the default'})."


def _uncovered(world: World, host: Host, coverage: tuple[Coverage, ...]) -> Iterator[str]:
    """What there is instead, where no endpoint polices an interface."""
    for item in coverage:
        if item.endpoint is not None:
            continue
        names = ", ".join(sorted(endpoint.name for endpoint in host.endpoints.values()))
        yield f"Nothing polices {item.interface}. Host endpoints of {host.name}: {names or 'none'}."
        if not host.endpoints:
            others = {name for name in world.hosts if name != host.name}
            if hint := suggestion(host.name, others):
                yield f"Host {host.name} has no host endpoint.{hint}"


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
    key = verdict.key
    return {
        "id": question.id,
        "verdict": str(verdict.outcome),
        "reason": str(verdict.reason),
        "tier": verdict.tier,
        "policy": _policy_name(key) if key else verdict.policy,
        "rule": verdict.rule,
        "stage": str(verdict.stage),
        "direction": verdict.direction and str(verdict.direction),
        "answered": verdict.answered,
        "trace": msgspec.to_builtins(verdict.trace),
    }


def _policy_name(key: ResourceKey) -> str:
    return f"{key.scope}/{key.name}" if key.encoding is Encoding.V3 and key.scope else key.name


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
        "not_selected": [
            {**_other(item.verdict), "policy": _policy_name(item.key), "mismatch": item.mismatch}
            for item in explanation.near
        ],
        "overruled": explanation.overruled and _other(explanation.overruled),
        "invalid": list(explanation.invalid),
        "notes": list(explanation.notes),
    }


def _other(verdict: Verdict) -> dict[str, Any]:
    """A verdict that was not given."""
    return {
        "verdict": str(verdict.outcome),
        "reason": str(verdict.reason),
        "tier": verdict.tier,
        "policy": _policy_name(verdict.key) if verdict.key else verdict.policy,
        "rule": verdict.rule,
    }
