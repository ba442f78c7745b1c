from __future__ import annotations

import pytest
from hypothesis import assume, given, settings
from msgspec.structs import replace
from tests.nft.host_policies import (
    ADDRESSES,
    host_policies,
    host_policy,
    ip_set_members,
    lists,
    policy_key,
    rule,
)
from tests.nft.interpreter import walk
from tests.nft.packets import packet

from catflap.nft.compile import compile_policy
from catflap.nft.memory import MemoryNft
from catflap.nft.place import place
from catflap.nft.plan import Existing, Phase, plan
from catflap.nft.port import ElementChange
from catflap.nft.read import existing
from catflap.nft.ruleset import TRACKING, Chain, Hook, NftSet, RuleSet, VerdictMap
from catflap.policy.host_policy import HostPolicy, IpSet, MatchPeer, TierStep

_HOOK = Hook("input", -5)


def rule_set(
    addresses: tuple[str, ...] = ("10.0.0.1",),
    rules: tuple[str, ...] = ("drop",),
    flags: tuple[str, ...] = (),
) -> RuleSet:
    """A small one: a base chain, a map, the chain of an interface, and a set that it refers to."""
    return RuleSet(
        {"s": NftSet("s", "ipv4_addr", flags, frozenset(addresses))},
        {"m": VerdictMap("m", "ifname", {"eth0": "jump in-eth0"})},
        {
            "input": Chain("input", ("iifname vmap @m",), _HOOK),
            "in-eth0": Chain("in-eth0", ("ip saddr @s accept", *rules)),
        },
    )


def changes(old: RuleSet, new: RuleSet) -> tuple[str, ...]:
    return texts(Existing.of(old), new)


def texts(old: Existing, new: RuleSet) -> tuple[str, ...]:
    return tuple(transaction.text for transaction in plan(old, place(old, new)))


def test_nothing_changed() -> None:
    assert changes(rule_set(), rule_set()) == ()
    assert changes(RuleSet(), RuleSet()) == ()


def tracking(item: RuleSet) -> RuleSet:
    """The same with the chain that makes the kernel track connections."""
    return replace(item, chains={**item.chains, TRACKING: Chain(TRACKING, ("ct state new accept",))})


def test_a_first_install_fills_sets_and_then_writes_everything_else_at_once() -> None:
    fill, switch = changes(RuleSet(), rule_set())
    assert "set s {" in fill
    assert "chain" not in fill
    assert "chain in-eth0 {" in switch
    assert "map m {" in switch
    assert "\tchain input {\n\t\ttype filter hook input priority -5; policy accept;" in switch


def test_every_transaction_names_its_phase() -> None:
    first = [transaction.phase for transaction in plan(Existing(), tracking(rule_set()))]
    assert first == [Phase.FILL, Phase.TRACK, Phase.SWITCH]


def test_tracking_begins_before_any_packet_meets_a_rule() -> None:
    _, track, switch = changes(RuleSet(), tracking(rule_set()))
    assert track == f"table inet catflap {{\n\tchain {TRACKING} {{\n\t\tct state new accept\n\t}}\n}}\n"
    assert TRACKING not in switch


def test_tracking_begins_when_the_first_rules_ask_for_it_whatever_there_is_already() -> None:
    guard = RuleSet(chains={"raw": Chain("raw", ("drop",), Hook("prerouting", -300))})
    phases = [item.phase for item in plan(Existing.of(guard), tracking(rule_set()))]
    assert phases == [Phase.FILL, Phase.TRACK, Phase.SWITCH, Phase.SWEEP]


def test_tracking_begins_again_where_it_was_interrupted() -> None:
    desired = tracking(rule_set())
    interrupted = Existing(present=True, sets=desired.sets, hooks={TRACKING: None})
    track, _ = texts(interrupted, desired)
    assert track.startswith(f"flush chain inet catflap {TRACKING}\n")


def test_tracking_that_goes_on_is_left_alone() -> None:
    desired = tracking(rule_set())
    assert [item.phase for item in plan(Existing.of(desired), tracking(rule_set(rules=("accept",))))] == [
        Phase.SWITCH
    ]
    taken_over = plan(replace(Existing.of(desired), rules={}), desired)
    assert [item.phase for item in taken_over] == [Phase.SWITCH]


def test_a_base_chain_that_goes_is_emptied_together_with_the_change_of_the_others() -> None:
    new = rule_set()
    raw = Chain("raw", ("drop",), Hook("prerouting", -300))
    old = replace(rule_set(rules=("accept",)), chains={**rule_set(rules=("accept",)).chains, "raw": raw})
    switch, sweep = changes(old, new)
    assert "flush chain inet catflap raw\n" in switch
    assert "chain in-eth0 {" in switch
    assert "delete chain inet catflap raw\n" in sweep


def test_the_end_of_all_policy_deletes_the_table() -> None:
    assert changes(rule_set(), RuleSet()) == ("delete table inet catflap\n",)
    assert texts(Existing(present=True), RuleSet()) == ("delete table inet catflap\n",)


def test_members_of_a_set_in_use_change_together_with_the_rules() -> None:
    old, new = rule_set(("10.0.0.1", "10.0.0.2")), rule_set(("10.0.0.2", "10.0.0.3"), rules=("accept",))
    (text,) = changes(old, new)
    assert text.startswith(
        "delete element inet catflap s { 10.0.0.1 }\nadd element inet catflap s { 10.0.0.3 }\n"
        "flush chain inet catflap in-eth0\n"
    )


def test_networks_that_somebody_else_changed_are_put_right_in_one_transaction() -> None:
    old, new = (rule_set(nets, flags=("interval",)) for nets in (("10.0.0.0/8",), ("10.0.0.0/9",)))
    assert changes(old, new) == (
        "delete element inet catflap s { 10.0.0.0/8 }\nadd element inet catflap s { 10.0.0.0/9 }\n",
    )


def test_a_changed_chain_is_flushed_and_written_in_one_transaction() -> None:
    (text,) = changes(rule_set(), rule_set(rules=("accept",)))
    assert text.startswith("flush chain inet catflap in-eth0\ntable inet catflap {\n\tchain in-eth0 {\n")
    assert text.count("chain ") == 2


def test_a_new_set_is_there_before_and_an_old_one_goes_after_the_rules_change() -> None:
    old = rule_set()
    chains = {**old.chains, "in-eth0": Chain("in-eth0", ("ip saddr @t accept",))}
    new = RuleSet({"t": NftSet("t", "ipv4_addr")}, old.maps, chains)
    fill, switch, sweep = changes(old, new)
    assert "set t {" in fill
    assert "@t" in switch
    assert sweep == "delete set inet catflap s\n"


def test_an_interface_that_goes_leaves_the_map_before_its_chain_goes() -> None:
    new = rule_set()
    eth1 = {"eth1": "jump in-eth1"}
    old = replace(
        new,
        maps={"m": VerdictMap("m", "ifname", {**new.maps["m"].elements, **eth1})},
        chains={**new.chains, "in-eth1": Chain("in-eth1", ("drop",))},
    )
    switch, sweep = changes(old, new)
    assert switch == 'delete element inet catflap m { "eth1" : jump in-eth1 }\n'
    assert sweep == "flush chain inet catflap in-eth1\ndelete chain inet catflap in-eth1\n"


def test_where_rules_are_unknown_every_chain_is_written_but_no_set() -> None:
    desired = rule_set()
    (text,) = texts(replace(Existing.of(desired), rules={}), desired)
    assert text.startswith("flush chain inet catflap input\nflush chain inet catflap in-eth0\ntable")
    assert "set s" not in text


_CLASHES = {
    "set of another type": {"sets": {"s": NftSet("s", "ipv6_addr", (), frozenset({"fe80::1"}))}},
    "set with other flags": {"sets": {"s": NftSet("s", "ipv4_addr", ("interval",))}},
    "map instead of a set": {"sets": {}, "maps": {"s": VerdictMap("s", "ifname")}},
    "set instead of a map": {"maps": {}, "sets": {"m": NftSet("m", "ipv4_addr")}},
    "map of another type": {"maps": {"m": VerdictMap("m", "ipv4_addr")}},
    "chain with another hook": {"chains": {"input": Chain("input", (), Hook("output", -5))}},
}


@pytest.mark.parametrize("foreign", _CLASHES.values(), ids=_CLASHES)
def test_what_cannot_be_changed_in_place_is_replaced_in_one_transaction(foreign: dict[str, object]) -> None:
    nft = MemoryNft()
    nft.run(RuleSet(**foreign).text())  # type: ignore[arg-type]  # the fields of the table above
    desired = tracking(rule_set())
    planned = plan(existing(nft.list_table()), desired)
    assert [item.phase for item in planned] == [Phase.TRACK, Phase.SWITCH]
    for item in planned:
        nft.run(item.text)
    assert nft.rule_set == desired


def _run(nft: MemoryNft, old: Existing, new: RuleSet) -> None:
    for commands in texts(old, new):
        nft.run(commands)


@settings(max_examples=25, deadline=None)
@given(host_policies(), host_policies())
def test_any_change_ends_as_a_fresh_install(first: HostPolicy, second: HostPolicy) -> None:
    old, new = compile_policy(first).rule_set, compile_policy(second).rule_set
    nft = MemoryNft()
    _run(nft, Existing.of(RuleSet()), old)
    _run(nft, Existing.of(old), new)
    assert nft.rule_set == place(Existing.of(old), new)
    assert (nft.list_table() is None) == (not new)


@settings(max_examples=20, deadline=None)
@given(host_policies(), host_policies())
def test_any_table_can_be_taken_over(first: HostPolicy, second: HostPolicy) -> None:
    old, new = compile_policy(first).rule_set, compile_policy(second).rule_set
    nft = MemoryNft()
    _run(nft, Existing.of(RuleSet()), old)
    found = existing(nft.list_table())
    _run(nft, found, new)
    assert nft.rule_set == place(found, new)


@settings(max_examples=25, deadline=None)
@given(host_policies(), host_policies())
def test_all_base_chains_change_in_one_transaction(first: HostPolicy, second: HostPolicy) -> None:
    old, new = compile_policy(first).rule_set, compile_policy(second).rule_set
    assume(old and new)
    nft = MemoryNft()
    _run(nft, Existing(), old)
    for item in plan(Existing.of(old), place(Existing.of(old), new)):
        assert "delete table" not in item.text
        if item.phase in {Phase.FILL, Phase.TRACK}:
            nft.run(item.text)
            assert _base_rules(nft.rule_set) == _base_rules(old)
        else:
            nft.run(item.text)
            assert _base_rules(nft.rule_set) == _base_rules(new)


def _base_rules(item: RuleSet) -> dict[str, tuple[str, ...]]:
    """The rules of base chains; one without rules is as good as none."""
    return {chain.name: chain.rules for chain in item.chains.values() if chain.hook and chain.rules}


@settings(max_examples=100, deadline=None)
@given(ip_set_members, ip_set_members)
def test_after_each_transaction_a_packet_fares_as_before_or_as_in_the_end(
    first: frozenset[str], second: frozenset[str]
) -> None:
    key = policy_key("web")
    rules = [lists(key, [rule(source=MatchPeer(ip_sets=("s",)))])]
    tiers = [TierStep("default", (key,))]
    old, new = (
        compile_policy(host_policy(tiers=tiers, rules=rules, ip_sets=[IpSet("s", "", members)])).rule_set
        for members in (first, second)
    )
    fates = [(each, {walk(old, each), walk(new, each)}) for each in _PACKETS]
    nft = MemoryNft()
    nft.run(old.text())
    for commands in changes(old, new):
        nft.run(commands)
        assert all(walk(nft.rule_set, each) in either for each, either in fates)


_PACKETS = [packet(address, address) for address in ADDRESSES]


def networks(*nets: str, name: str = "n4", type_: str = "ipv4_addr") -> NftSet:
    return NftSet(name, type_, ("interval",), frozenset(nets))


def sets(*items: NftSet) -> RuleSet:
    return RuleSet({item.name: item for item in items}, {}, {"c": Chain("c", ("drop",))})


def test_where_only_members_change_no_text_is_needed() -> None:
    old, new = rule_set(("10.0.0.1",)), rule_set(("10.0.0.2",))
    (switch,) = plan(Existing.of(old), new)
    assert switch.commands == ""
    assert switch.elements == (
        ElementChange(
            "s", "ipv4_addr", interval=False, added=frozenset({"10.0.0.2"}), removed=frozenset({"10.0.0.1"})
        ),
    )
    assert switch.text == (
        "delete element inet catflap s { 10.0.0.1 }\nadd element inet catflap s { 10.0.0.2 }\n"
    )


def test_members_of_hash_sets_change_at_once_and_each_interval_set_by_itself() -> None:
    old = sets(
        NftSet("a", "ipv4_addr"), NftSet("b", "ipv4_addr"), networks(), networks(name="n6", type_="ipv6_addr")
    )
    some = frozenset({"10.0.0.1"})
    new = sets(
        NftSet("a", "ipv4_addr", (), some),
        NftSet("b", "ipv4_addr", (), some),
        networks("10.0.0.0/8"),
        networks("fe80::/10", name="n6", type_="ipv6_addr"),
    )
    changed = [[change.name for change in item.elements] for item in plan(Existing.of(old), new)]
    assert changed == [["a", "b"], ["n4"], ["n6"]]


def test_elements_that_have_no_message_are_text() -> None:
    macs = [NftSet("s", "ether_addr", (), frozenset({f"02:00:00:00:00:0{number}"})) for number in (1, 2)]
    (switch,) = plan(Existing.of(sets(macs[0])), sets(macs[1]))
    assert switch.commands.startswith("delete element inet catflap s {")


def test_many_new_sets_come_in_pieces_and_large_ones_empty_at_first() -> None:
    texts = [f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}" for number in range(25_000)]
    small = [NftSet(f"s{number:03}", "ipv4_addr", (), frozenset(texts[:300])) for number in range(100)]
    large = NftSet("z", "ipv4_addr", (), frozenset(texts))
    desired = sets(*small, large)
    fake = MemoryNft()
    sizes = []
    for transaction in plan(Existing(), desired):
        if transaction.elements:
            fake.change_elements(transaction.elements)
            sizes.append(sum(len(change.added) for change in transaction.elements))
        else:
            fake.run(transaction.commands)
            sizes.append(transaction.commands.count("10."))
    assert max(sizes) <= 10_000
    assert sum(sizes) == 30_000 + 25_000
    assert fake.rule_set == desired


def test_one_large_set_of_a_kind_that_has_no_message_is_text() -> None:
    macs = frozenset(f"02:00:00:00:{number >> 8:02x}:{number & 255:02x}" for number in range(2_000))
    fill, _ = plan(Existing(), sets(NftSet("s", "ether_addr", (), macs)))
    assert fill.commands.count("02:00:00:00:0") == 2_000
