from __future__ import annotations

import pytest
from msgspec.structs import replace
from tests.nft.examples import with_tiers
from tests.nft.host_policies import complete, lists, policy_key, rule

from catflap.model.resources import PolicyKind
from catflap.nft.endpoints import EndpointRules
from catflap.nft.memo import Memo
from catflap.nft.shared import SharedChains
from catflap.policy.host_policy import HostPolicy, InterfacePolicy, TierStep

_NORMAL, _RAW, _DNAT = ((TierStep("default", (policy_key(name),)),) for name in ("web", "raw", "dnat"))
_RULES = [
    lists(policy_key("web"), [rule()], [rule()]),
    replace(lists(policy_key("raw"), [rule()], [rule()]), kind=PolicyKind.UNTRACKED),
    replace(lists(policy_key("dnat"), [rule()]), kind=PolicyKind.PRE_DNAT),
]
_EVERYTHING = with_tiers(
    "eth0",
    forward_ingress=_NORMAL,
    forward_egress=_NORMAL,
    untracked_ingress=_RAW,
    untracked_egress=_RAW,
    pre_dnat=_DNAT,
)
_CLEAR, _MARKED = "clear mark", "accept marked"
_ESTABLISHED, _INVALID, _FAILSAFE, _REPLIES = "established", "invalid", "failsafe", "failsafe replies"
_ICMPV6, _TIER, _DROP = "icmpv6", "tier", "drop"
_WORDS = {
    "meta mark set": _CLEAR,
    "meta mark and": _MARKED,
    "ct state established": _ESTABLISHED,
    "ct state invalid drop": _INVALID,
    "jump failsafe-replies": _REPLIES,
    "jump failsafe": _FAILSAFE,
    "meta nfproto ipv6": _ICMPV6,
    "jump tier": _TIER,
    "drop": _DROP,
}


def words(stage: str, item: InterfacePolicy) -> list[str]:
    """The rules of an interface for one stage, one word for each."""
    policy = complete(HostPolicy((item,)), _RULES)
    memo = Memo()
    memo.begin(policy)
    rules = getattr(EndpointRules(SharedChains(policy, memo), policy.accept_mark), stage)(item)
    return [next(word for start, word in _WORDS.items() if text.startswith(start)) for text in rules]


@pytest.mark.parametrize(
    ("stage", "expected"),
    [
        ("untracked_ingress", [_CLEAR, _FAILSAFE, _REPLIES, _ICMPV6, _TIER]),
        ("untracked_egress", [_CLEAR, _FAILSAFE, _REPLIES, _ICMPV6, _TIER]),
        ("pre_dnat", [_MARKED, _ESTABLISHED, _FAILSAFE, _ICMPV6, _TIER]),
        ("forward_ingress", [_MARKED, _ESTABLISHED, _INVALID, _TIER]),
        ("forward_egress", [_ESTABLISHED, _INVALID, _TIER]),
        ("ingress", [_MARKED, _ESTABLISHED, _FAILSAFE, _ICMPV6, _INVALID, _DROP]),
        ("egress", [_MARKED, _ESTABLISHED, _FAILSAFE, _ICMPV6, _INVALID, _DROP]),
    ],
)
def test_each_stage_asks_in_the_order_of_safety(stage: str, expected: list[str]) -> None:
    assert words(stage, _EVERYTHING) == expected


@pytest.mark.parametrize(
    ("stage", "expected"),
    [
        ("untracked_ingress", []),
        ("untracked_egress", []),
        ("pre_dnat", []),
        ("forward_ingress", []),
        ("forward_egress", []),
        ("ingress", [_ESTABLISHED, _FAILSAFE, _ICMPV6, _INVALID, _DROP]),
        ("egress", [_ESTABLISHED, _FAILSAFE, _ICMPV6, _INVALID, _DROP]),
    ],
)
def test_without_policy_of_a_kind_there_is_no_stage_for_it_and_no_mark(
    stage: str, expected: list[str]
) -> None:
    assert words(stage, with_tiers("eth0")) == expected


def test_the_first_stage_that_can_set_the_mark_clears_it() -> None:
    assert words("pre_dnat", replace(_EVERYTHING, untracked_ingress=()))[0] == _CLEAR


@pytest.mark.parametrize("early", [{"untracked_ingress": _RAW}, {"pre_dnat": _DNAT}])
@pytest.mark.parametrize("stage", ["ingress", "forward_ingress"])
def test_either_early_kind_makes_later_stages_look_at_the_mark(
    early: dict[str, tuple[TierStep, ...]], stage: str
) -> None:
    assert words(stage, with_tiers("eth0", forward_ingress=_NORMAL, **early))[0] == _MARKED
