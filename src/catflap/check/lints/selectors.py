"""Lints about selectors: such that match nothing, and words that nobody has and somebody almost has."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

import msgspec

from catflap.check.inventory import Entry, Inventory, Labels
from catflap.check.lints.lint import Remark
from catflap.check.source import SourceObject
from catflap.model.names import MAX_COMPARED
from catflap.model.resources import HostEndpoint, NetworkSet, Node, Policy, WorkloadEndpoint
from catflap.model.selector import Selector
from catflap.model.selector_nodes import And, Equal, Has, Member, Not, Or, Substring
from catflap.model.selector_nodes import Node as SelectorNode

_CLOSE = 0.6  # of difflib's ratio: two letters of three exchanged
_DIGITS = re.compile("[0-9]+")


class _Use(msgspec.Struct, frozen=True):
    """A selector at its place, and the labels of everything here that it might match."""

    source: SourceObject
    field: str
    selector: Selector
    candidates: Sequence[Labels]
    what: str

    def matches_any(self) -> bool:
        return any(map(self.selector.matches, self.candidates))


def matches_nothing(inventory: Inventory) -> Iterator[Remark]:
    """A selector that none of the known endpoints, network sets or nodes has the labels for."""
    for use in _uses(inventory):
        if not use.matches_any():
            hints = "".join(f" {hint}" for hint in _hints(use))
            yield Remark(use.source, use.field, f"matches no {use.what} known here: {use.selector}.{hints}")


def near_misses(inventory: Inventory) -> Iterator[Remark]:
    """A selector that matches something, with a word in it that nobody has but somebody almost has."""
    for use in _uses(inventory):
        if use.matches_any():
            for hint in _hints(use):
                yield Remark(use.source, use.field, f"{hint} The selector is {use.selector}.")


def selected_without_addresses(inventory: Inventory) -> Iterator[Remark]:
    """An endpoint that rules mean by a selector, but that has no addresses: those rules do not match its packets."""
    bare = [
        (each, labels)
        for each, labels in zip(inventory.endpoints, inventory.endpoint_labels, strict=True)
        if not _addresses(each)
    ]
    selectors = [use for use in _rule_uses(inventory) if "elector" in use.field]
    for endpoint, labels in bare:
        using = [use for use in selectors if use.selector.matches(labels)]
        if using:
            yield Remark(endpoint.source, _ADDRESS_FIELD[type(endpoint.resource)], _without_addresses(using))


_ADDRESS_FIELD: Mapping[type, str] = {
    HostEndpoint: "spec.expectedIPs",
    WorkloadEndpoint: "spec.ipNetworks",
}


def _addresses(entry: Entry[HostEndpoint | WorkloadEndpoint]) -> tuple[str, ...]:
    endpoint = entry.resource
    return endpoint.expected_ips if isinstance(endpoint, HostEndpoint) else endpoint.addresses


def _without_addresses(using: Sequence[_Use]) -> str:
    first = using[0]
    more = f", and {len(using) - 1} more" if len(using) > 1 else ""
    return (
        f"the endpoint has no addresses, so rules that select it do not match its packets: {first.selector} in"
        f" {first.source.kind} {first.source.name} ({first.field}){more}. List its addresses here."
    )


def _uses(inventory: Inventory) -> Iterator[_Use]:
    """Selectors with something to match them against: files without endpoints say nothing about selectors."""
    endpoints, sets = inventory.endpoint_labels, inventory.set_labels
    if endpoints:
        for policy in inventory.of(Policy):
            yield _Use(policy.source, "spec.selector", policy.resource.selector, endpoints, "endpoint")
    if endpoints or sets:
        yield from _rule_uses(inventory)
    nodes = [node.resource.labels for node in inventory.of(Node)]
    for each in inventory.of(HostEndpoint) if nodes else ():
        if each.resource.node_selector is not None:
            yield _Use(each.source, "spec.nodeSelector", each.resource.node_selector, nodes, "node")


def _rule_uses(inventory: Inventory) -> Iterator[_Use]:
    candidates = [*inventory.endpoint_labels, *inventory.set_labels]
    what = "endpoint or network set" if inventory.of(NetworkSet) else "endpoint"
    for place in inventory.rules():
        for end, peer in (("source", place.rule.source), ("destination", place.rule.destination)):
            for name, selector in (("selector", peer.selector), ("notSelector", peer.not_selector)):
                if selector is not None:
                    yield _Use(place.source, f"{place.field}.{end}.{name}", selector, candidates, what)


def _hints(use: _Use) -> list[str]:
    """What was probably meant, for each word of the selector that nobody has."""
    values: dict[str, set[str]] = {}
    for labels in use.candidates:
        for label, value in labels.items():
            values.setdefault(label, set()).add(value)
    return list(dict.fromkeys(_node_hints(use.selector.node, values)))


def _node_hints(node: SelectorNode, values: Mapping[str, set[str]]) -> Iterator[str]:
    match node:
        case And() | Or():
            for operand in node.operands:
                yield from _node_hints(operand, values)
        case Not():
            yield from _node_hints(node.operand, values)
        case Has() | Equal() | Member() | Substring() if node.label not in values:
            if close := _closest(node.label, values):
                yield f"Nothing here has a label {node.label!r}. Did you mean {close!r}?"
        case Equal() | Member():
            written = node.values if isinstance(node, Member) else {node.value}
            for value in sorted(written - values[node.label]):
                if close := _closest(value, values[node.label]):
                    yield f"Nothing here has {node.label} == {value!r}. Did you mean {close!r}?"


def _closest(written: str, known: Iterable[str]) -> str | None:
    """The known word that was probably meant. Words that differ in digits only, such as web1 and web2, are no slips."""
    if len(written) > MAX_COMPARED:
        return None
    plain = _DIGITS.sub("", written)
    candidates = sorted(word for word in known if _DIGITS.sub("", word) != plain)
    close = difflib.get_close_matches(written, candidates, n=1, cutoff=_CLOSE)
    return close[0] if close else None
