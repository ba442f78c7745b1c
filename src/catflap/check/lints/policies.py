"""Lints about policies as a whole: the tier they are in, and the directions they govern."""

from __future__ import annotations

from collections.abc import Iterator

from catflap.check.inventory import Entry, Inventory, rules_of
from catflap.check.lints.lint import Remark
from catflap.model.names import suggestion
from catflap.model.resources import Action, Direction, Policy, PolicyKind, Rule, StagedPolicy

_OTHER = {Direction.INGRESS: Direction.EGRESS, Direction.EGRESS: Direction.INGRESS}


def missing_tier(inventory: Inventory) -> Iterator[Remark]:
    """A policy in a tier that no Tier object defines: it is not enforced."""
    for policy in inventory.either(Policy, StagedPolicy):
        tier = policy.resource.tier
        if tier not in inventory.tiers:
            hint = suggestion(tier, inventory.tiers)
            yield Remark(
                policy.source,
                "spec.tier",
                f"there is no tier {tier!r} here; where there is none the policy is not enforced.{hint}",
            )


def staged(inventory: Inventory) -> Iterator[Remark]:
    """A staged policy: reported, never enforced."""
    for policy in inventory.of(StagedPolicy):
        yield Remark(policy.source, "", "a staged policy is not enforced.")


def without_types(inventory: Inventory) -> Iterator[Remark]:
    """A policy that does not say which directions it governs, and has rules for one at most."""
    for policy in _governing(inventory):
        if _written_types(policy) or (policy.resource.ingress and policy.resource.egress):
            continue
        meant = [d for d in Direction if rules_of(policy.resource, d)]
        denied = _OTHER[meant[0]].lower() if meant else "everything"
        remedy = (
            f"[{meant[0]}], or [Ingress, Egress] if that is meant"
            if meant
            else "[Ingress, Egress] if that is meant"
        )
        yield Remark(
            policy.source,
            "spec.types",
            f"without types a policy governs both directions: {denied} of what it selects is denied where no other"
            f" policy of the tier allows it. Write types: {remedy}.",
        )


def direction_without_rules(inventory: Inventory) -> Iterator[Remark]:
    """A policy that says it governs both directions, and has rules for one."""
    for policy in _governing(inventory):
        if not _written_types(policy) or len(policy.resource.types) < len(Direction):
            continue
        empty = [d for d in Direction if not rules_of(policy.resource, d)]
        if len(empty) == 1:
            yield Remark(
                policy.source,
                "spec.types",
                f"it governs {empty[0]} without a rule for it: {empty[0].lower()} of what it selects is denied where"
                f" no other policy of the tier allows it. If that is not meant write types: [{_OTHER[empty[0]]}].",
            )


def rules_without_type(inventory: Inventory) -> Iterator[Remark]:
    """A policy with rules for a direction that its types leave out: they are never asked."""
    for policy in inventory.of(Policy):
        for direction in Direction:
            if rules_of(policy.resource, direction) and direction not in policy.resource.types:
                yield Remark(
                    policy.source,
                    "spec.types",
                    f"types leaves {direction} out: the rules in spec.{direction.lower()} are never asked. Add"
                    f" {direction}, or remove the rules.",
                )


def untracked_one_way(inventory: Inventory) -> Iterator[Remark]:
    """A doNotTrack policy that allows one direction only: without tracking nobody knows what is an answer."""
    for policy in inventory.of(Policy):
        if policy.resource.kind is not PolicyKind.UNTRACKED:
            continue
        allowed = [d for d in Direction if _allows(rules_of(policy.resource, d))]
        if len(allowed) == 1:
            missing = _OTHER[allowed[0]]
            yield Remark(
                policy.source,
                f"spec.{missing.lower()}",
                f"doNotTrack policy that allows {allowed[0].lower()} needs a rule that allows the answers, too:"
                f" they are not known as such. Add it to {missing.lower()}, with source and destination exchanged.",
            )


def _governing(inventory: Inventory) -> Iterator[Entry[Policy]]:
    """The policies at whose tier's end packets are denied that no rule matches."""
    for policy in inventory.of(Policy):
        if policy.resource.kind is PolicyKind.NORMAL and inventory.ends_in_deny(policy.resource):
            yield policy


def _written_types(policy: Entry[Policy]) -> bool:
    spec = policy.source.value.get("spec")
    return isinstance(spec, dict) and bool(spec.get("types"))


def _allows(rules: tuple[Rule, ...]) -> bool:
    return any(rule.action is Action.ALLOW for rule in rules)
