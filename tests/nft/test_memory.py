from __future__ import annotations

import pytest
from tests.nft.scenarios import SCENARIOS, Step

from catflap.nft.memory import MemoryNft
from catflap.nft.port import NftError
from catflap.nft.ruleset import Chain, NftSet, RuleSet, VerdictMap


@pytest.mark.parametrize("steps", SCENARIOS.values(), ids=SCENARIOS)
def test_scenario(steps: tuple[Step, ...]) -> None:
    nft = MemoryNft()
    for step in steps:
        before = nft.rule_set
        if step.accepted:
            nft.run(step.commands)
        else:
            with pytest.raises(NftError):
                nft.run(step.commands)
            assert nft.rule_set == before


def test_it_holds_what_was_put_in() -> None:
    rule_set = RuleSet(
        {"s": NftSet("s", "ipv4_addr", ("interval",), frozenset({"10.0.0.0/8"}), "why")},
        {"m": VerdictMap("m", "ifname", {"eth0": "jump c"})},
        {"c": Chain("c", ("ip saddr @s accept",))},
    )
    nft = MemoryNft()
    nft.run(rule_set.text())
    assert nft.rule_set == rule_set


def test_without_a_table_there_is_no_document() -> None:
    assert MemoryNft().list_table() is None
