"""Lints about selectors: such that match nothing, slips in their words, and endpoints whose addresses are missing."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping, Sequence

import msgspec

from catflap.check.inventory import Inventory
from catflap.check.lints.candidates import Candidates
from catflap.check.lints.lint import Remark
from catflap.check.source import SourceObject
from catflap.model.resources import HostEndpoint, NetworkSet, Node, Policy, WorkloadEndpoint
from catflap.model.selector import Selector
from catflap.policy.endpoints import addresses_of

_ADDRESS_FIELD: Mapping[type, str] = {
    HostEndpoint: "spec.expectedIPs",
    WorkloadEndpoint: "spec.ipNetworks",
}


class _Use(msgspec.Struct, frozen=True):
    """A selector at its place, and everything here that it might match."""

    source: SourceObject
    field: str
    selector: Selector
    candidates: Candidates


def matches_nothing(inventory: Inventory) -> Iterator[Remark]:
    """A selector that none of the known endpoints, network sets or nodes has the labels for."""
    for use in _uses(inventory):
        if not use.candidates.any_match(use.selector):
            hints = "".join(f" {hint}" for hint in use.candidates.hints(use.selector))
            what = use.candidates.what
            yield Remark(use.source, use.field, f"matches no {what} known here: {use.selector}.{hints}")


def near_misses(inventory: Inventory) -> Iterator[Remark]:
    """A selector that matches something, with a word in it that nobody has but somebody almost has."""
    for use in _uses(inventory):
        if use.candidates.any_match(use.selector):
            for hint in use.candidates.hints(use.selector):
                yield Remark(use.source, use.field, f"{hint} The selector is {use.selector}.")


def selected_without_addresses(inventory: Inventory) -> Iterator[Remark]:
    """An endpoint that rules mean by a selector, but that has no addresses: those rules do not match its packets."""
    uses = [use for use in _rule_uses(inventory) if use.field.endswith(".selector")]

    @functools.cache
    def using(labels: frozenset[tuple[str, str]]) -> Sequence[_Use]:
        return [use for use in uses if use.selector.matches(dict(labels))]

    for endpoint, labels in zip(inventory.endpoints, inventory.endpoint_labels, strict=True):
        if not addresses_of(endpoint.resource) and (found := using(frozenset(labels.items()))):
            yield Remark(endpoint.source, _ADDRESS_FIELD[type(endpoint.resource)], _without_addresses(found))


def _without_addresses(using: Sequence[_Use]) -> str:
    first = using[0]
    more = f", and {len(using) - 1} more" if len(using) > 1 else ""
    return (
        f"the endpoint has no addresses, so rules that select it do not match its packets: {first.selector} in"
        f" {first.source.kind} {first.source.name} ({first.field}){more}. List its addresses here."
    )


def _uses(inventory: Inventory) -> Iterator[_Use]:
    """Selectors with something to match them against: files without endpoints say nothing about selectors."""
    if endpoints := Candidates("endpoint", inventory.endpoint_labels):
        for policy in inventory.of(Policy):
            yield _Use(policy.source, "spec.selector", policy.resource.selector, endpoints)
    yield from _rule_uses(inventory)
    if nodes := Candidates("node", (node.resource.labels for node in inventory.of(Node))):
        for each in inventory.of(HostEndpoint):
            if each.resource.node_selector is not None:
                yield _Use(each.source, "spec.nodeSelector", each.resource.node_selector, nodes)


def _rule_uses(inventory: Inventory) -> Iterator[_Use]:
    what = "endpoint or network set" if inventory.of(NetworkSet) else "endpoint"
    candidates = Candidates(what, [*inventory.endpoint_labels, *inventory.set_labels])
    for place in inventory.rules() if candidates else ():
        for end, peer in (("source", place.rule.source), ("destination", place.rule.destination)):
            for name, selector in (("selector", peer.selector), ("notSelector", peer.not_selector)):
                if selector is not None:
                    yield _Use(place.source, f"{place.field}.{end}.{name}", selector, candidates)
