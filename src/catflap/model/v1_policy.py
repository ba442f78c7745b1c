"""Policies, tiers and profiles as the guide writes them.

The reasons for a refusal keep the wording of the old system, which people know and search for.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from catflap.model.names import is_identifier
from catflap.model.policy_kinds import KindFlags, KindWords, kind_conflicts
from catflap.model.resources import (
    LAST,
    Direction,
    Policy,
    ProfileLabels,
    ProfileRules,
    ProfileTags,
    Resource,
    Tier,
)
from catflap.model.selector import Selector, SelectorError, parse_selector
from catflap.model.v1_rules import parse_rules
from catflap.model.v1_values import parse_labels
from catflap.model.validation import Reasons, finite_number, read_json, show

_WORDS = KindWords("untracked", "pre_dnat", "inbound_rules", "outbound_rules", reject="reject", deny="deny")
_DIRECTIONS = {direction.lower(): direction for direction in Direction}
_MATCH_ALL = parse_selector("all()")  # stands in for a selector that could not be read


def read_policy(tier: str, name: str, raw: bytes) -> tuple[Resource, ...]:
    """The policy ``name`` of ``tier``. Unknown fields are ignored.

    Raises:
        InvalidObjectError: with every reason.
    """
    data = read_json(raw)
    reasons = Reasons()
    for part in (tier, name):
        if not is_identifier(part):
            reasons.add(f"Invalid policy ID '{part!r}'.")
    if not isinstance(data, dict):
        reasons.add(f"Expected policy '{tier}/{name}' to be a dict, not {show(data)}.")
        reasons.raise_if_any()
    flags = KindFlags(*(_flag(data, name, reasons) for name in ("untracked", "pre_dnat", "apply_on_forward")))
    policy = Policy(
        name=name,
        tier=tier,
        selector=_policy_selector(data, reasons),
        order=_policy_order(data, reasons),
        ingress=parse_rules(data, "inbound_rules", reasons),
        egress=parse_rules(data, "outbound_rules", reasons),
        types=_types(data, reasons) or flags.default_types,
        kind=flags.kind,
        apply_on_forward=flags.governs_forwarded,
    )
    for field, reason in kind_conflicts(policy, flags, _WORDS):
        reasons.add(f"Field '{field}' {reason}")
    reasons.raise_if_any()
    return (policy,)


def _policy_selector(data: Mapping[str, Any], reasons: Reasons) -> Selector:
    if "selector" not in data:
        reasons.add("Profile missing required selector field")
        return _MATCH_ALL
    written = data["selector"]
    if not isinstance(written, str):
        reasons.add(f"Failed to parse selector {show(written)}")
        return _MATCH_ALL
    try:
        return parse_selector(written)
    except SelectorError as error:
        reasons.add(f"Failed to parse selector {written[:160]}: {error}.")
        return _MATCH_ALL


def _policy_order(data: Mapping[str, Any], reasons: Reasons) -> float:
    written = data.get("order", "default")
    order = LAST if written == "default" else finite_number(written)
    if order is None:
        reasons.add(f'Order should be a number, or "default", not {show(written)}')
        return LAST
    return order


def _types(data: Mapping[str, Any], reasons: Reasons) -> frozenset[Direction]:
    """The directions that are named; none where they are not."""
    written = data.get("types")
    if written is None:
        return frozenset()
    if not isinstance(written, list):
        reasons.add(f"Expected types to be a list, not {show(written)}.")
        return frozenset()
    types = set()
    for item in written:
        direction = _DIRECTIONS.get(item.lower()) if isinstance(item, str) else None
        if direction is None:
            reasons.add(f"Types should be 'ingress' and 'egress', not {show(item)}.")
        else:
            types.add(direction)
    return frozenset(types)


def _flag(data: Mapping[str, Any], name: str, reasons: Reasons) -> bool | None:
    """True or false; the old system took other values for one of them, and "no" for true."""
    written = data.get(name)
    if written is None or isinstance(written, bool):
        return written
    reasons.add(f"Field '{name}' should be true or false, not {show(written)}.")
    return None


def read_tier(name: str, raw: bytes) -> tuple[Resource, ...]:
    """The tier ``name``, from its metadata.

    Raises:
        InvalidObjectError: with every reason.
    """
    data = read_json(raw)
    reasons = Reasons()
    if not is_identifier(name):
        reasons.add(f"Invalid tier name '{name!r}'.")
    order: float | None = LAST
    if not isinstance(data, dict):
        reasons.add(f"Expected tier data to be a dict not {show(data)}")
    elif data.get("order", "default") != "default":
        order = finite_number(data["order"])
        if order is None:
            reasons.add('Tier data "order" field should be number or "default"')
    reasons.raise_if_any()
    return (Tier(name, LAST if order is None else order),)


def read_profile_rules(name: str, raw: bytes) -> tuple[Resource, ...]:
    """The rules of the profile ``name``.

    Raises:
        InvalidObjectError: with every reason.
    """
    data = read_json(raw)
    reasons = Reasons()
    if not is_identifier(name):
        reasons.add(f"Invalid profile ID '{name!r}'.")
    if not isinstance(data, dict):
        reasons.add(f"Expected profile '{name}' to be a dict, not {show(data)}.")
        reasons.raise_if_any()
    rules = ProfileRules(
        name,
        ingress=parse_rules(data, "inbound_rules", reasons),
        egress=parse_rules(data, "outbound_rules", reasons),
    )
    reasons.raise_if_any()
    return (rules,)


def read_profile_tags(name: str, raw: bytes) -> tuple[Resource, ...]:
    """The tags of the profile ``name``.

    Raises:
        InvalidObjectError: with every reason.
    """
    data = read_json(raw)
    reasons = Reasons()
    if not is_identifier(name):
        reasons.add(f"Invalid profile_id '{name!r}'.")
    if not isinstance(data, list):
        reasons.add("Expected tags to be a list.")
        data = []
    for tag in data:
        if not isinstance(tag, str):
            reasons.add(f"Expected tag '{show(tag)}' to be a string.")
        elif not is_identifier(tag):
            reasons.add(f"Invalid tag '{show(tag)}'.")
    reasons.raise_if_any()
    return (ProfileTags(name, frozenset(data)),)


def read_profile_labels(name: str, raw: bytes) -> tuple[Resource, ...]:
    """The labels of the profile ``name``.

    Raises:
        InvalidObjectError: with every reason.
    """
    data = read_json(raw)
    reasons = Reasons()
    if not is_identifier(name):
        reasons.add(f"Invalid profile_id {name!r}.")
    labels = parse_labels(data, reasons)
    reasons.raise_if_any()
    return (ProfileLabels(name, labels),)
