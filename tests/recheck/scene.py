"""A host with two interfaces for tests: its surroundings, connections of it, and policy for one interface."""

from __future__ import annotations

from catflap.host.api import Interface
from catflap.host.conntrack import Entry, FlowTuple
from catflap.host.routes import Route
from catflap.host.sockets import Listener
from catflap.model.resources import TCP, Action, Kind, PortRange, ResourceKey
from catflap.policy.host_policy import (
    DirectionPolicy,
    HostPolicy,
    InterfacePolicy,
    MatchPeer,
    MatchRule,
    RuleLists,
    TierStep,
)
from catflap.recheck.surroundings import Question, Surroundings

HERE, THERE, NEAR = "192.0.2.1", "198.51.100.1", "192.0.2.9"
FAR, WEB, VIP = "203.0.113.5", "198.51.100.10", "10.0.0.1"
INTERFACES = {
    "lo": Interface(1, "lo", frozenset({"127.0.0.1", "::1", VIP}), up=True),
    "eth0": Interface(2, "eth0", frozenset({HERE, "fe80::1"}), up=True),
    "eth1": Interface(3, "eth1", frozenset({THERE}), up=True),
}


def ask(question: Question) -> Route | None:
    """Neighbours are on either link, everybody else is behind a router on eth0."""
    table = {NEAR: 2, WEB: 3}
    if question.destination in table:
        index = table[question.destination]
        return Route((index,), on_link=True) if question.leaving in (None, index) else None
    if question.destination == "10.9.9.9":
        return Route((2, 3))
    return Route((2,)) if question.destination == FAR else None


def surroundings(*listeners: Listener) -> Surroundings:
    return Surroundings(INTERFACES, frozenset(listeners), ask)


def entry(source: str, destination: str, port: int = 80, **fields: object) -> Entry:
    original = FlowTuple(source, destination, TCP, 50000, port)
    return Entry(original, original.reversed, **fields)  # type: ignore[arg-type]  # tests name what matters


def policy(interface: str, ingress: tuple[int, ...], egress: tuple[int, ...]) -> HostPolicy:
    """Allow these TCP ports, and no others."""
    key = ResourceKey(Kind.POLICY, "p", scope="default")
    lists = RuleLists(key, "default/p", _rules(ingress), _rules(egress))
    both = DirectionPolicy((TierStep("default", (key,)),))
    forward = (TierStep("default", (key,)),)
    endpoint = ResourceKey(Kind.HOST_ENDPOINT, "e", scope="h")
    policed = InterfacePolicy(interface, endpoint, both, both, forward_ingress=forward)
    return HostPolicy(interfaces=(policed,), policies={key: lists})


def _rules(ports: tuple[int, ...]) -> tuple[MatchRule, ...]:
    return tuple(
        MatchRule(number, Action.ALLOW, protocol=TCP, destination=MatchPeer(ports=(PortRange(port, port),)))
        for number, port in enumerate(ports)
    )
