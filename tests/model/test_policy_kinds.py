"""The kinds of policy, and what does not suit them."""

from __future__ import annotations

import pytest

from catflap.model.policy_kinds import KindFlags, KindWords, kind_conflicts
from catflap.model.resources import BOTH_DIRECTIONS, Action, Direction, Policy, PolicyKind, Rule
from catflap.model.selector import parse_selector

WORDS = KindWords("UNTRACKED", "PRE_DNAT", "IN", "OUT", reject="REJECT", deny="DENY")
INGRESS = frozenset({Direction.INGRESS})
REJECT = (Rule(Action.DENY), Rule(Action.REJECT))


@pytest.mark.parametrize(
    ("flags", "kind", "forwarded", "types"),
    [
        (KindFlags(), PolicyKind.NORMAL, False, BOTH_DIRECTIONS),
        (KindFlags(untracked=False, pre_dnat=False), PolicyKind.NORMAL, False, BOTH_DIRECTIONS),
        (KindFlags(apply_on_forward=True), PolicyKind.NORMAL, True, BOTH_DIRECTIONS),
        (KindFlags(untracked=True), PolicyKind.UNTRACKED, True, BOTH_DIRECTIONS),
        (KindFlags(pre_dnat=True), PolicyKind.PRE_DNAT, True, INGRESS),
    ],
)
def test_flags(flags: KindFlags, kind: PolicyKind, forwarded: bool, types: frozenset[Direction]) -> None:
    assert (flags.kind, flags.governs_forwarded, flags.default_types) == (kind, forwarded, types)


@pytest.mark.parametrize(
    ("flags", "ingress", "egress", "types", "fields"),
    [
        (KindFlags(), REJECT, REJECT, BOTH_DIRECTIONS, []),
        (KindFlags(untracked=True), (), (), BOTH_DIRECTIONS, []),
        (KindFlags(untracked=True), REJECT, REJECT, BOTH_DIRECTIONS, ["IN[1].action", "OUT[1].action"]),
        (KindFlags(pre_dnat=True), REJECT, (), INGRESS, []),
        (KindFlags(pre_dnat=True), (), REJECT, INGRESS, ["OUT"]),
        (KindFlags(pre_dnat=True), (), (), BOTH_DIRECTIONS, ["types"]),
        (KindFlags(untracked=True, pre_dnat=True), REJECT, REJECT, BOTH_DIRECTIONS, ["PRE_DNAT"]),
    ],
)
def test_conflicts(
    flags: KindFlags,
    ingress: tuple[Rule, ...],
    egress: tuple[Rule, ...],
    types: frozenset[Direction],
    fields: list[str],
) -> None:
    policy = Policy("p", "t", parse_selector("all()"), ingress=ingress, egress=egress, types=types)

    assert [field for field, _ in kind_conflicts(policy, flags, WORDS)] == fields
