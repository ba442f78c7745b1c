from __future__ import annotations

from ipaddress import IPv6Address
from typing import Any

import pytest
from hypothesis import given, settings
from msgspec.structs import replace
from tests.nft.host_policies import host_policies

from catflap.nft.compile import compile_policy
from catflap.nft.memory import MemoryNft
from catflap.nft.plan import Existing
from catflap.nft.read import existing
from catflap.nft.ruleset import Hook, NftSet, VerdictMap
from catflap.policy.host_policy import HostPolicy


def read(*objects: dict[str, Any]) -> Existing:
    return existing({"nftables": [{"metainfo": {}}, {"table": {"name": "catflap"}}, *objects]})


def test_no_table() -> None:
    assert existing(None) == Existing(present=False)


def test_an_empty_table_is_present() -> None:
    assert read() == Existing(present=True)


def test_chains_have_hooks_and_no_known_rules() -> None:
    base = {"name": "input", "type": "filter", "hook": "input", "prio": -5, "policy": "accept"}
    found = read({"chain": base}, {"chain": {"name": "c"}}, {"rule": {"chain": "c", "expr": []}})
    assert found.hooks == {"input": Hook("input", -5), "c": None}
    assert found.rules == {}


@pytest.mark.parametrize(
    ("type_", "element", "text"),
    [
        ("ipv4_addr", "10.0.0.1", "10.0.0.1"),
        ("ipv4_addr", {"prefix": {"addr": "10.0.0.0", "len": 8}}, "10.0.0.0/8"),
        ("ipv4_addr", {"range": ["10.0.0.1", "10.0.0.3"]}, "10.0.0.1-10.0.0.3"),
        ("ipv4_addr", {"elem": {"val": "10.0.0.1", "comment": "by hand"}}, "10.0.0.1"),
        ("ipv6_addr", {"prefix": {"addr": "2001:db8::", "len": 32}}, "2001:db8::/32"),
        ("inet_service", 80, "80"),
        ("inet_service", {"range": [80, 90]}, "80-90"),
        ("mark", {"concat": [1, {"set": 2}]}, "1 . {'set': 2}"),
    ],
)
def test_elements(type_: str, element: object, text: str) -> None:
    found = read({"set": {"name": "s", "type": type_, "elem": [element]}})
    assert found.sets == {"s": NftSet("s", type_, (), frozenset({text}))}


@pytest.mark.parametrize("protocol", [6, "tcp"])
@pytest.mark.parametrize("address", ["::ffff:1.2.3.4", "::ffff:102:304"])
def test_elements_of_several_parts(protocol: object, address: str) -> None:
    type_ = ["ipv6_addr", "inet_proto", "inet_service"]
    found = read({"set": {"name": "s", "type": type_, "elem": [{"concat": [address, protocol, 80]}]}})
    elements = frozenset({f"{IPv6Address(address)} . 6 . 80"})
    assert found.sets == {"s": NftSet("s", "ipv6_addr . inet_proto . inet_service", (), elements)}


@pytest.mark.parametrize("written", ["::ffff:1.2.3.4", "::ffff:102:304"])
def test_ipv4_mapped_addresses_read_as_python_writes_them(written: str) -> None:
    found = read({"set": {"name": "s", "type": "ipv6_addr", "elem": [written]}})
    assert found.sets["s"].elements == {str(IPv6Address(written))}


@pytest.mark.parametrize(
    ("data", "verdict"),
    [
        ({"jump": {"target": "c"}}, "jump c"),
        ({"goto": {"target": "c"}}, "goto c"),
        ({"drop": None}, "drop"),
    ],
)
def test_verdicts(data: object, verdict: str) -> None:
    found = read({"map": {"name": "m", "type": "ifname", "map": "verdict", "elem": [["eth0", data]]}})
    assert found.maps == {"m": VerdictMap("m", "ifname", {"eth0": verdict})}


@pytest.mark.parametrize(
    "strange",
    [{"map": "mark"}, {"map": ["mark", "mark"]}, {"map": "verdict", "flags": ["interval"]}],
)
def test_a_map_of_another_kind_does_not_look_like_ours(strange: dict[str, Any]) -> None:
    found = read({"map": {"name": "m", "type": "ifname", **strange}})
    assert found.maps["m"].shape != ("ifname", ())


@settings(max_examples=25, deadline=None)
@given(host_policies())
def test_a_listing_reads_back_as_what_was_programmed(policy: HostPolicy) -> None:
    rule_set = compile_policy(policy).rule_set
    nft = MemoryNft()
    if rule_set:
        nft.run(rule_set.text())
    programmed = Existing.of(rule_set)
    without_comments = {name: replace(item, comment="") for name, item in programmed.sets.items()}
    assert existing(nft.list_table()) == replace(programmed, sets=without_comments, rules={})
