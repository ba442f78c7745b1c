"""The kinds of ``projectcalico.org/v3`` documents besides endpoints and policies, each from its parts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from catflap.model.field_values import address_parts, networks
from catflap.model.fields import Document
from catflap.model.names import suggestion
from catflap.model.resources import (
    Action,
    ConfigurationValues,
    NetworkSet,
    Node,
    ProfileLabels,
    ProfileRules,
    ReadyFlag,
    Resource,
    Tier,
)
from catflap.model.v3_rules import parse_rules
from catflap.model.v3_selectors import NAMESPACE_PROFILE, labels_in
from catflap.model.validation import show

DEFAULT_TIER_ORDER: Final = 1_000_000.0  # of a tier that names none; policies without an order come last
NODE_PREFIX: Final = "node."  # the configuration of one host is called node.<host>

_DEFAULT_ACTIONS: Mapping[str, Action] = {action.value: action for action in (Action.DENY, Action.PASS)}


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


def network_set(document: Document) -> tuple[Resource, ...]:
    """A `NetworkSet`; that of a namespace has the namespace's labels, as endpoints in it have."""
    nets, namespace = networks(document.spec, "nets"), document.namespace
    if not namespace:
        return (NetworkSet(document.name, nets, document.labels),)
    labels = labels_in(namespace, document.labels)
    return (NetworkSet(document.name, nets, labels, profiles=(f"{NAMESPACE_PROFILE}{namespace}",)),)


def node(document: Document) -> tuple[Resource, ...]:
    """A `Node`. Hosts write these themselves; whatever else they note is accepted."""
    interfaces: dict[str, tuple[str, ...]] = {}
    for item in document.spec.objects("interfaces"):
        name = item.text("name")
        if name:
            interfaces[name] = (*interfaces.get(name, ()), *address_parts(item, "addresses"))
        else:
            item.refuse("name", "is missing.")
    document.spec.everything()
    return (Node(document.name, document.labels, interfaces),)


def configuration(document: Document) -> tuple[Resource, ...]:
    """The parameters of ``default`` (all hosts) or ``node.<host>``, as written: the agent knows what they mean."""
    host = configured_host(document.key_name)
    if host is None:
        document.spec.reasons.add(
            f"metadata.name: {show(document.key_name)} is not supported by this version: "
            f"call it 'default' (all hosts) or '{NODE_PREFIX}<host>'."
        )
    values = {name: value for name, value in document.spec.everything().items() if value is not None}
    return (ConfigurationValues(host or None, values),)


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
