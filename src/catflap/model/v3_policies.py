"""Policies as ``projectcalico.org/v3`` documents write them: of everybody, of one namespace, and staged.

What this version cannot do is refused, field by field and with the reason: a policy that is only half understood
would be enforced as something that nobody wrote.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from catflap.model.fields import Document, Fields
from catflap.model.names import is_identifier, suggestion
from catflap.model.policy_kinds import KindFlags, KindWords, kind_conflicts
from catflap.model.resources import (
    DEFAULT_TIER,
    LAST,
    Direction,
    Policy,
    PolicyKind,
    Resource,
    StagedPolicy,
)
from catflap.model.selector import Selector, parse_selector
from catflap.model.v3_rules import parse_rules
from catflap.model.v3_selectors import combined, in_namespace, namespace_selector, service_account_selector
from catflap.model.validation import show

SET: Final = "Set"  # what a staged policy proposes unless it says otherwise
DELETE: Final = "Delete"
STAGED_ACTIONS: Final = (SET, DELETE, "Learn", "Ignore")

_DIRECTIONS: Mapping[str, Direction] = {direction.value: direction for direction in Direction}
_WORDS = KindWords("doNotTrack", "preDNAT", "ingress", "egress", reject="Reject", deny="Deny")


def policy(document: Document) -> tuple[Resource, ...]:
    """A policy for everybody. Without ``types`` it governs both directions, preDNAT policy ingress."""
    return (_policy(document, _kind_flags(document.spec)),)


def network_policy(document: Document) -> tuple[Resource, ...]:
    """The policy of a namespace: it selects nothing outside of it, and is always of the normal kind."""
    return (_policy(document, KindFlags()),)


def staged_policy(document: Document) -> tuple[Resource, ...]:
    """A policy for everybody that is only proposed. Also a proposal to delete one must be valid as a whole."""
    spec = document.spec
    action = spec.text("stagedAction") or SET
    if action not in STAGED_ACTIONS:
        hint = suggestion(action, STAGED_ACTIONS)
        spec.refuse("stagedAction", f"{show(action)} is none; write {', '.join(STAGED_ACTIONS)}.{hint}")
    proposed = _policy(document, _kind_flags(spec))
    return (
        StagedPolicy(document.name, proposed.tier, action, policy=None if action == DELETE else proposed),
    )


def _policy(document: Document, flags: KindFlags) -> Policy:
    spec = document.spec
    order = spec.number("order")
    tier = spec.text("tier") or DEFAULT_TIER
    if not is_identifier(tier):
        spec.refuse("tier", f"{show(tier)} is not the name of a tier.")
    result = Policy(
        name=document.name,
        tier=tier,
        selector=_policy_selector(spec, document.namespace),
        order=LAST if order is None else order,
        ingress=parse_rules(spec, "ingress", document.namespace),
        egress=parse_rules(spec, "egress", document.namespace),
        types=_types(spec) or flags.default_types,
        kind=flags.kind,
        apply_on_forward=flags.governs_forwarded,
    )
    for field, reason in kind_conflicts(result, flags, _WORDS):
        spec.refuse(field, reason)
    spec.skip("performanceHints")
    return result


def _policy_selector(spec: Fields, namespace: str) -> Selector:
    """What the policy is for: labels, service accounts and namespaces, all together."""
    scope = in_namespace(namespace) if namespace else namespace_selector(spec)
    accounts = service_account_selector(spec, "serviceAccountSelector")
    selector = combined(spec, "selector", scope, accounts, spec.selector("selector"))
    return selector or parse_selector("all()")


def _kind_flags(spec: Fields) -> KindFlags:
    flags = KindFlags(spec.flag("doNotTrack"), spec.flag("preDNAT"), spec.flag("applyOnForward"))
    if flags.kind is not PolicyKind.NORMAL and flags.apply_on_forward is False:
        spec.refuse(
            "applyOnForward",
            f"cannot be false with '{flags.kind}', which always holds for forwarded packets, too: remove it.",
        )
    return flags


def _types(spec: Fields) -> frozenset[Direction]:
    types = set()
    for place, text in spec.texts("types"):
        if text in _DIRECTIONS:
            types.add(_DIRECTIONS[text])
        else:
            hint = suggestion(text, _DIRECTIONS)
            spec.refuse(place, f"{show(text)} is no direction; write Ingress or Egress.{hint}")
    return frozenset(types)
