from __future__ import annotations

from typing import Any

import pytest

from catflap.model.encoded_values import Gaps, NotRepresentableError
from catflap.model.resources import Action, Direction, Policy, PolicyKind, ProfileRules, Rule, Tier
from catflap.model.selector import parse_selector
from catflap.model.v1_encode_policies import encode_policy, encode_profile_rules, encode_tier

INGRESS = frozenset({Direction.INGRESS})
RULES: dict[str, list[Any]] = {"inbound_rules": [], "outbound_rules": []}


def policy(**fields: Any) -> dict[str, Any]:
    gaps = Gaps()
    value = encode_policy(Policy("p", "t", parse_selector("a == 'b'"), **fields), gaps)
    gaps.raise_if_any()
    return value


@pytest.mark.parametrize(
    ("fields", "written"),
    [
        ({}, {}),
        ({"order": 0.0}, {"order": 0}),
        ({"order": 2.5}, {"order": 2.5}),
        ({"types": INGRESS}, {"types": ["ingress"]}),
        ({"apply_on_forward": True}, {"apply_on_forward": True}),
        ({"kind": PolicyKind.UNTRACKED, "apply_on_forward": True}, {"untracked": True}),
        (
            {"kind": PolicyKind.PRE_DNAT, "types": INGRESS, "apply_on_forward": True},
            {"pre_dnat": True},
        ),
    ],
)
def test_a_policy_says_what_is_not_usual(fields: Any, written: Any) -> None:
    assert policy(**fields) == {"selector": 'a == "b"', **written, **RULES}


def test_rules_of_both_directions() -> None:
    written = policy(ingress=(Rule(Action.ALLOW),), egress=(Rule(Action.DENY),))

    assert written["inbound_rules"] == [{"action": "allow"}]
    assert written["outbound_rules"] == [{"action": "deny"}]


def test_a_profile_has_the_same_rules() -> None:
    gaps = Gaps()

    assert encode_profile_rules(ProfileRules("p", egress=(Rule(Action.LOG),)), gaps) == {
        "inbound_rules": [],
        "outbound_rules": [{"action": "log"}],
    }


def test_a_tier_has_an_order_or_is_last() -> None:
    gaps = Gaps()

    assert encode_tier(Tier("t", 1_000_000.0), gaps) == {"order": 1_000_000}
    assert encode_tier(Tier("t"), gaps) == {}
    gaps.raise_if_any()


def test_a_tier_that_passes_is_refused() -> None:
    gaps = Gaps()
    encode_tier(Tier("t", 1.0, Action.PASS), gaps)

    with pytest.raises(NotRepresentableError) as caught:
        gaps.raise_if_any()

    assert caught.value.reasons == (
        "spec.defaultAction: is Pass, and in /calico/v1 always Deny; use etcd:// for it.",
    )
