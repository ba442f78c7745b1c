from __future__ import annotations

import pytest

from catflap.nft.ruleset import VerdictMap
from catflap.nft.stages import INGRESS, Prefix, dispatch


def prefix(text: str, verdict: str | None = "goto c") -> Prefix:
    return Prefix(text, verdict, "why")


def rules(exact: dict[str, str | None], *prefixes: Prefix) -> tuple[list[str], dict[str, str]]:
    """The rules of the base chain without their comments, and the elements of the map."""
    chain, interface_map = dispatch(INGRESS, exact, prefixes)
    texts = [rule.split(" comment ")[0] for rule in chain.rules] if chain else []
    return texts, dict(interface_map.elements) if interface_map else {}


def test_where_nothing_happens_there_is_no_base_chain() -> None:
    assert dispatch(INGRESS, {"eth0": None}, [prefix("e", None)]) == (None, None)


def test_interfaces_known_by_name_are_found_by_one_look_up() -> None:
    chain, interface_map = dispatch(INGRESS, {"eth1": "goto b", "eth0": "goto a"}, [])
    assert chain
    assert chain.name == "input"
    assert chain.hook == INGRESS.hook
    assert chain.rules == ('iifname vmap @ingress_interfaces comment "interfaces known by name"',)
    assert interface_map == VerdictMap("ingress_interfaces", "ifname", {"eth0": "goto a", "eth1": "goto b"})


def test_prefixes_are_tried_in_their_order() -> None:
    texts, elements = rules({}, prefix("eth1"), prefix("eth", "drop"), prefix("", "goto d"))
    assert texts == ['iifname "eth1*" goto c', 'iifname "eth*" drop', 'iifname != "lo" goto d']
    assert elements == {}


def test_a_name_without_a_verdict_is_kept_from_the_prefixes_that_cover_it() -> None:
    assert rules({"eth0": None, "wlan0": None}, prefix("eth")) == (
        ["iifname vmap @ingress_interfaces", 'iifname "eth*" goto c'],
        {"eth0": "accept"},
    )


@pytest.mark.parametrize("text", ["l", "lo"])
def test_no_pattern_covers_the_loopback(text: str) -> None:
    assert rules({}, prefix(text))[1] == {"lo": "accept"}
    assert rules({"lo": "goto a"}, prefix(text))[1] == {"lo": "goto a"}


@pytest.mark.parametrize(
    ("first", "later", "needed"),
    [("eth1", "eth", True), ("eth", "eth1", True), ("eth", "", True), ("eth", "wlan", False)],
)
def test_a_prefix_without_a_verdict_is_kept_from_later_ones_that_overlap(
    first: str, later: str, needed: bool
) -> None:
    texts, _ = rules({}, prefix(first, None), prefix(later))
    assert texts[:-1] == ([f'iifname "{first}*" accept'] if needed else [])


def test_a_prefix_without_a_verdict_is_nothing_after_the_others() -> None:
    assert rules({}, prefix("eth1"), prefix("eth", None))[0] == ['iifname "eth1*" goto c']


def test_comments_say_why() -> None:
    chain, _ = dispatch(INGRESS, {}, [prefix("eth1", None), prefix("eth")])
    assert chain
    assert [rule.split(" comment ")[1] for rule in chain.rules] == [
        '"why: no policy at this stage"',
        '"why"',
    ]
