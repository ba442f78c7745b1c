from __future__ import annotations

import msgspec
import pytest
from tests.nft.examples import EXAMPLES

from catflap.nft.compile import compile_policy
from catflap.nft.style import DEFAULT_STYLE, NO_LOOKUPS, Counting, RuleStyle


def test_agents_put_long_lists_into_look_ups_and_count_nothing() -> None:
    assert RuleStyle() == DEFAULT_STYLE
    assert DEFAULT_STYLE.counting is Counting.NONE


@pytest.mark.parametrize("name", EXAMPLES)
def test_without_look_ups_there_is_no_map_but_that_of_interfaces(name: str) -> None:
    maps = compile_policy(EXAMPLES[name], NO_LOOKUPS).rule_set.maps
    assert {item.type for item in maps.values()} <= {"ifname"}


def test_each_word_of_the_parameter_is_a_way_to_count() -> None:
    assert [msgspec.convert(word, Counting) for word in ("none", "policy", "rule")] == list(Counting)
