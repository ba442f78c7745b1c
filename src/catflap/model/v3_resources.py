"""The kinds of ``projectcalico.org/v3`` documents that Catflap acts upon, each from its ``metadata`` and ``spec``.

What this version cannot do is refused, field by field and with the reason: a policy that is only half understood
would be enforced as something that nobody wrote.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

from catflap.model.addresses import canonical_address
from catflap.model.names import is_identifier, is_interface_name, suggestion
from catflap.model.resources import (
    BOTH_DIRECTIONS,
    DEFAULT_TIER,
    LAST,
    Action,
    ConfigurationValues,
    Direction,
    HostEndpoint,
    Policy,
    ProfileLabels,
    ProfileRules,
    ReadyFlag,
    Resource,
    Tier,
)
from catflap.model.selector import parse_selector
from catflap.model.v3_fields import Fields
from catflap.model.v3_rules import parse_rules
from catflap.model.validation import show

DEFAULT_TIER_ORDER: Final = 1_000_000.0  # of a tier that names none; policies without an order come last
NODE_PREFIX: Final = "node."  # the configuration of one host is called node.<host>

_DIRECTIONS: Mapping[str, Direction] = {direction.value: direction for direction in Direction}
_DEFAULT_ACTIONS: Mapping[str, Action] = {action.value: action for action in (Action.DENY, Action.PASS)}


class Document(msgspec.Struct, frozen=True):
    """A document taken apart. ``name`` is the one that its author gave it, which is not always that of its key."""

    key_name: str
    name: str
    labels: Mapping[str, str]
    spec: Fields


def host_endpoint(document: Document) -> tuple[Resource, ...]:
    """A `HostEndpoint`. Named ports are accepted, and unused: no rule can refer to them."""
    spec = document.spec
    node = spec.text("node")
    if not node:
        spec.refuse("node", "the name of the host is missing.")
    interface = _interface_name(spec)
    expected_ips = _expected_ips(spec)
    if not interface and not spec.value("expectedIPs"):
        spec.refuse("interfaceName", "'interfaceName' or 'expectedIPs' must be present.")
    endpoint = HostEndpoint(
        name=document.name,
        node=node or "",
        interface_name=interface,
        expected_ips=expected_ips,
        labels=document.labels,
        profiles=tuple(_profile_names(spec)),
    )
    _check_endpoint_ports(spec)
    return (endpoint,)


def _interface_name(spec: Fields) -> str | None:
    name = spec.text("interfaceName")
    if not name:
        return None
    if name == "*":
        spec.refuse(
            "interfaceName", "'*' is not supported by this version: name one interface, or give expectedIPs."
        )
    elif not is_interface_name(name):
        spec.refuse("interfaceName", f"{show(name)} is not the name of an interface.")
    return name


def _expected_ips(spec: Fields) -> tuple[str, ...]:
    addresses: dict[str, None] = {}
    for place, text in spec.texts("expectedIPs"):
        try:
            addresses[canonical_address(text)] = None
        except ValueError as error:
            spec.refuse(place, f"{show(text)} is not an IP address. {error}".rstrip())
    return tuple(addresses)


def _profile_names(spec: Fields) -> list[str]:
    names = []
    for place, name in spec.texts("profiles"):
        if not is_identifier(name):
            spec.refuse(place, f"{show(name)} is not the name of a profile.")
        names.append(name)
    return names


def _check_endpoint_ports(spec: Fields) -> None:
    for place, item in spec.items("ports"):
        port = Fields(item, spec.path(place), spec.reasons)
        port.text("name")
        port.skip("port", "protocol")
        port.close()


def policy(document: Document) -> tuple[Resource, ...]:
    """A `Policy`. Without ``types`` it governs both directions."""
    spec = document.spec
    order = spec.number("order")
    tier = spec.text("tier") or DEFAULT_TIER
    if not is_identifier(tier):
        spec.refuse("tier", f"{show(tier)} is not the name of a tier.")
    result = Policy(
        name=document.name,
        tier=tier,
        selector=spec.selector("selector") or parse_selector("all()"),
        order=LAST if order is None else order,
        ingress=parse_rules(spec, "ingress"),
        egress=parse_rules(spec, "egress"),
        types=_types(spec),
    )
    for flag in ("doNotTrack", "preDNAT", "applyOnForward"):
        if spec.flag(flag):
            spec.refuse(flag, "not supported by this version: remove it, or delete the policy.")
    spec.unsupported("namespaceSelector", "host endpoints have no namespace")
    spec.unsupported("serviceAccountSelector", "host endpoints have no service account")
    spec.skip("performanceHints")
    return (result,)


def _types(spec: Fields) -> frozenset[Direction]:
    types = set()
    for place, text in spec.texts("types"):
        if text in _DIRECTIONS:
            types.add(_DIRECTIONS[text])
        else:
            hint = suggestion(text, _DIRECTIONS)
            spec.refuse(place, f"{show(text)} is no direction; write Ingress or Egress.{hint}")
    return frozenset(types) or BOTH_DIRECTIONS


def tier(document: Document) -> tuple[Resource, ...]:
    """A `Tier`."""
    spec = document.spec
    order = spec.number("order")
    written = spec.text("defaultAction") or Action.DENY
    if written not in _DEFAULT_ACTIONS:
        hint = suggestion(written, _DEFAULT_ACTIONS)
        spec.refuse("defaultAction", f"{show(written)} is none; write Deny or Pass.{hint}")
    default_action = _DEFAULT_ACTIONS.get(written, Action.DENY)
    return (Tier(document.name, DEFAULT_TIER_ORDER if order is None else order, default_action),)


def profile(document: Document) -> tuple[Resource, ...]:
    """The rules and the labels of a profile."""
    spec = document.spec
    rules = ProfileRules(document.name, parse_rules(spec, "ingress"), parse_rules(spec, "egress"))
    return (rules, ProfileLabels(document.name, spec.labels("labelsToApply")))


def configuration(document: Document) -> tuple[Resource, ...]:
    """The parameters of ``default`` (all hosts) or ``node.<host>``, as written: the agent knows what they mean."""
    host = configured_host(document.key_name)
    if host is None:
        document.spec.reasons.add(
            f"metadata.name: {show(document.key_name)} is not supported by this version: "
            f"call it 'default' (all hosts) or '{NODE_PREFIX}<host>'."
        )
    return (ConfigurationValues(host or None, document.spec.everything()),)


def configured_host(name: str) -> str | None:
    """The host that a configuration of this name is for: empty for all hosts, None if the name says neither."""
    if name == "default":
        return ""
    return name.removeprefix(NODE_PREFIX) or None if name.startswith(NODE_PREFIX) else None


def ready_flag(document: Document) -> tuple[Resource, ...]:
    """Whether ``datastoreReady`` is true in the cluster information."""
    if document.key_name != "default":
        document.spec.reasons.add(f"metadata.name: expected 'default', got {show(document.key_name)}.")
    ready = document.spec.flag("datastoreReady")
    document.spec.everything()
    return (ReadyFlag(ready is True, "" if ready is None else str(ready).lower()),)
