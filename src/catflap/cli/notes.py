"""What people should know beside a verdict: what was assumed, what is odd, what else may be the cause."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

import msgspec

from catflap.agent.config import GLOBAL_SOURCE, HOST_SOURCE
from catflap.agent.failsafe import format_failsafe
from catflap.cli.answers import headline
from catflap.cli.hosts import Host
from catflap.cli.questions import UNNAMED, Question, packet_interfaces
from catflap.cli.world import World
from catflap.model import HostEndpoint
from catflap.model.names import suggestion
from catflap.policy import HostPolicy
from catflap.policy.host_policy import Failsafe
from catflap.verdict.evaluate import Evaluator
from catflap.verdict.packet import Path
from catflap.verdict.result import Outcome, Reason, Verdict

MOST_NOTICES: Final = 10
_IN_STORE: Final = {GLOBAL_SOURCE: "configured for all hosts", HOST_SOURCE: "configured for this host"}


def notes(
    world: World, question: Question, policy: HostPolicy, verdict: Verdict, uncovered: Sequence[str]
) -> Iterator[str]:
    """Every note on a verdict.

    Args:
        world: where the question was asked.
        question: the packet.
        policy: what its host enforces, which the engine has just been asked for.
        verdict: the answer.
        uncovered: the interfaces on the packet's way that no endpoint polices.
    """
    host, packet = question.host, question.packet
    yield from question.notes
    yield from host.notes
    yield from assumptions(question)
    for interface in uncovered:
        yield from _uncovered(world, host, policy, interface)
    yield from _empty_sets(policy)
    notices = host.engine.notices
    yield from notices[:MOST_NOTICES]
    if len(notices) > MOST_NOTICES:
        yield f"And {len(notices) - MOST_NOTICES} more of this kind: the agent logs them."
    if verdict.reason is Reason.FAILSAFE_ALLOW:
        bare = Evaluator(msgspec.structs.replace(policy, failsafe=Failsafe())).evaluate(packet)
        yield f"A failsafe port lets it through before policy is asked. Without that: {headline(bare)}."
    if verdict.reason is Reason.WORKLOAD_TO_HOST_DENY:
        yield f"DefaultEndpointToHostAction is DROP ({_source(host, 'DefaultEndpointToHostAction')})."
    elif verdict.outcome is Outcome.DENY:
        if not packet.interface.startswith(policy.workload_prefixes):
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
    if host.complete or not host.unplaced:
        return
    for interface in packet_interfaces(packet):
        if interface not in host.interfaces and not host.names(interface):
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
    yield f"{name} is {format_failsafe(host.configuration[name])} ({_source(host, name)})."


def _source(host: Host, name: str) -> str:
    """Where a parameter was set."""
    source = host.configuration.settings[name.lower()].source
    return "the default" if source is None else _IN_STORE.get(source, source)


def _uncovered(world: World, host: Host, policy: HostPolicy, interface: str) -> Iterator[str]:
    """What there is instead, where no endpoint polices an interface."""
    if interface.startswith(policy.workload_prefixes):
        prefixes = ", ".join(policy.workload_prefixes)
        yield f"{interface} is a workload's by its name (InterfacePrefix {prefixes}); no workload endpoint has it."
        return
    known = ", ".join(sorted(map(_endpoint_text, host.endpoints.values())))
    yield f"Nothing polices {interface}. Host endpoints of {host.name}: {known or 'none'}."
    if not host.endpoints and host.name in world.hosts:  # else it was said already
        hint = suggestion(host.name, (name for name in world.hosts if name != host.name))
        yield f"Host {host.name} has no host endpoint.{hint}"


def _endpoint_text(endpoint: HostEndpoint) -> str:
    """An endpoint with the interfaces that it names, or else the addresses that it expects."""
    return f"{endpoint.name} ({' '.join(endpoint.interfaces or endpoint.expected_ips)})"
