from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from tests.nft.host_policies import ADDRESSES, host_policies, host_policy, lists, policy_key, rule
from tests.nft.interpreter import walk
from tests.nft.packets import packet, packets
from tests.nft.refusing import RefusingNft, elements_of, everything, rules_with

from catflap.nft.compile import compile_policy
from catflap.nft.damage import TABLE_DELETED, Touched, differing
from catflap.nft.enforcer import EnforceError, Enforcer, Repaired
from catflap.nft.memory import MemoryNft
from catflap.nft.nfnetlink import Generation
from catflap.nft.port import NftError
from catflap.nft.ruleset import TRACKING, Chain, Hook, RuleSet, block
from catflap.policy.host_policy import DirectionPolicy, HostPolicy, IpSet, MatchPeer, TierStep
from catflap.verdict.packet import ConnectionState

_KEY = policy_key("web")


def policy(protocol: int = 6, interface: str = "eth0") -> HostPolicy:
    return host_policy(
        (interface,), [TierStep("default", (_KEY,))], rules=[lists(_KEY, [rule(protocol=protocol)])]
    )


def words(repaired: Repaired) -> list[str]:
    """What was damaged, as people read it."""
    return list(map(str, repaired.damage))


class ProbedNft(MemoryNft):
    """Counts what is asked of it, and refuses the transaction that it is told to refuse."""

    def __init__(self) -> None:
        super().__init__()
        self.lists = 0
        self.runs = 0
        self.refuse: int | None = None
        self.broken = False

    def run(self, commands: str) -> None:
        self.runs += 1
        if self.broken or self.runs == self.refuse:
            raise NftError("Device or resource busy")
        super().run(commands)

    def list_table(self) -> Mapping[str, Any] | None:
        self.lists += 1
        return super().list_table()


@pytest.fixture
def nft() -> ProbedNft:
    return ProbedNft()


def test_the_kernel_is_read_once(nft: ProbedNft) -> None:
    enforcer = Enforcer(nft)
    assert enforcer.enforce(policy(6)).transactions == 2
    assert enforcer.enforce(policy(6)).transactions == 0
    assert enforcer.enforce(policy(17)).transactions == 1
    assert nft.lists == 1
    assert nft.rule_set == compile_policy(policy(17)).rule_set


def test_an_existing_table_is_taken_over_without_touching_base_chains(nft: ProbedNft) -> None:
    Enforcer(nft).enforce(policy(6))
    assert Enforcer(nft).enforce(policy(6)).transactions == 1
    assert nft.rule_set == compile_policy(policy(6)).rule_set


def test_when_tracking_has_begun_one_is_told_before_any_rule_asks_for_it(nft: ProbedNft) -> None:
    seen: list[RuleSet] = []
    enforcer = Enforcer(nft, lambda: seen.append(nft.rule_set))
    enforcer.enforce(HostPolicy(workload_prefixes=("cali",)))
    assert not seen
    enforcer.enforce(replace(policy(6), workload_prefixes=("cali",)))
    enforcer.enforce(policy(17))
    (found,) = seen
    using = [chain.name for chain in found.chains.values() if any("ct state" in rule for rule in chain.rules)]
    assert using == [TRACKING]
    assert "input" not in found.chains


def test_one_who_was_interrupted_while_being_told_is_told_again(nft: ProbedNft) -> None:
    def stop() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Enforcer(nft, stop).enforce(policy())
    told: list[None] = []
    Enforcer(nft, lambda: told.append(None)).enforce(policy())
    assert told == [None]
    assert nft.rule_set == compile_policy(policy()).rule_set


def test_workloads_are_blocked_before_there_is_policy(nft: ProbedNft) -> None:
    enforcer = Enforcer(nft)
    enforcer.block_workloads(("cali",))
    assert nft.rule_set == compile_policy(HostPolicy(workload_prefixes=("cali",))).rule_set
    enforcer.enforce(policy())
    assert nft.lists == 2
    assert nft.rule_set == compile_policy(policy()).rule_set


def test_the_block_of_workloads_leaves_an_existing_table_alone(nft: ProbedNft) -> None:
    Enforcer(nft).enforce(policy())
    Enforcer(nft).block_workloads(("cali",))
    assert nft.rule_set == compile_policy(policy()).rule_set


def test_workloads_that_cannot_be_blocked_are_an_error(nft: ProbedNft) -> None:
    nft.refuse = 1
    with pytest.raises(EnforceError, match="Device or resource busy"):
        Enforcer(nft).block_workloads(("cali",))


def test_workloads_are_blocked_where_somebody_was_interrupted(nft: ProbedNft) -> None:
    nft.run("table inet catflap {\n\tset left-over {\n\t\ttype ipv4_addr\n\t}\n}\n")
    assert not Enforcer(nft).in_force()
    Enforcer(nft).block_workloads(("cali",))
    assert Enforcer(nft).in_force()
    assert nft.rule_set == compile_policy(HostPolicy(workload_prefixes=("cali",))).rule_set


def test_what_is_enforced_is_told_and_can_be_loaded(nft: ProbedNft) -> None:
    enforced = Enforcer(nft).enforce(policy(6))
    assert enforced.rule_set == nft.rule_set
    other, told = ProbedNft(), list[RuleSet]()
    enforcer = Enforcer(other, lambda: told.append(other.rule_set))
    enforcer.load(enforced.rule_set.text())
    assert other.rule_set == nft.rule_set
    assert ["input" in found.chains for found in told] == [False]
    assert enforcer.enforce(policy(6)).transactions == 1  # it believes nothing that it has not seen


def test_what_was_loaded_is_repaired_before_there_is_policy(nft: ProbedNft) -> None:
    rule_set = compile_policy(policy(6)).rule_set
    enforcer = Enforcer(nft)
    enforcer.load(rule_set.text())
    nft.run("delete table inet catflap\n")
    assert enforcer.repair(Touched()).transactions > 0
    assert nft.rule_set == rule_set


def test_what_the_kernel_refuses_is_not_loaded(nft: ProbedNft) -> None:
    nft.refuse = 2
    enforcer = Enforcer(nft)
    with pytest.raises(EnforceError, match="cannot program nftables: Device or resource busy"):
        enforcer.load(compile_policy(policy(6)).rule_set.text())
    assert not enforcer.in_force()
    enforcer.enforce(policy(6))
    assert nft.rule_set == compile_policy(policy(6)).rule_set


def test_the_end_of_policy_leaves_nothing(nft: ProbedNft) -> None:
    enforcer = Enforcer(nft)
    enforcer.enforce(policy())
    enforcer.enforce(HostPolicy())
    assert nft.list_table() is None


@pytest.mark.parametrize("refuse", [1, 2])
def test_after_a_failure_the_kernel_is_read_again_and_brought_right(nft: ProbedNft, refuse: int) -> None:
    enforcer = Enforcer(nft)
    nft.refuse = refuse
    with pytest.raises(EnforceError, match="Device or resource busy"):
        enforcer.enforce(policy(6))
    lists = nft.lists
    enforcer.enforce(policy(6))
    assert nft.lists == lists + 1
    assert nft.rule_set == compile_policy(policy(6)).rule_set


def test_a_failed_change_leaves_the_old_rules_in_force(nft: ProbedNft) -> None:
    enforcer = Enforcer(nft)
    enforcer.enforce(policy(6))
    nft.refuse = nft.runs + 1
    with pytest.raises(EnforceError):
        enforcer.enforce(policy(17))
    assert nft.rule_set == compile_policy(policy(6)).rule_set


def test_after_a_foreign_change_forget_brings_back_what_is_missing(nft: ProbedNft) -> None:
    enforcer = Enforcer(nft)
    enforcer.enforce(policy())
    nft.run("delete table inet catflap\n")
    enforcer.forget()
    enforcer.enforce(policy())
    assert nft.rule_set == compile_policy(policy()).rule_set


def test_a_table_that_somebody_deleted_unseen_does_not_make_the_next_change_fail(nft: ProbedNft) -> None:
    enforcer = Enforcer(nft)
    enforcer.enforce(policy(6))
    nft.run("delete table inet catflap\n")
    enforcer.enforce(policy(17))
    assert nft.rule_set == compile_policy(policy(17)).rule_set


def test_before_anything_is_in_force_nothing_is_repaired(nft: ProbedNft) -> None:
    enforcer = Enforcer(nft)
    nft.run("table inet catflap {\n}\n")
    assert enforcer.repair(Touched()) == Repaired()
    assert enforcer.known is None


def test_a_table_that_goes_before_the_first_policy_is_known_comes_back_from_what_was_saved(
    nft: ProbedNft,
) -> None:
    saved = Enforcer(nft).enforce(policy()).rule_set
    restarted = Enforcer(nft)
    restarted.fall_back_to(saved.text())
    assert restarted.repair(Touched()) == Repaired()  # what is in force may be newer
    nft.run("delete table inet catflap\n")
    assert restarted.repair(Touched()).damage == (TABLE_DELETED,)
    assert nft.rule_set == saved
    nft.run("delete table inet catflap\n")
    assert restarted.repair(Touched()).damage
    assert nft.rule_set == saved


def test_without_damage_a_repair_does_nothing(nft: ProbedNft) -> None:
    enforcer = Enforcer(nft)
    enforcer.enforce(policy())
    runs = nft.runs
    assert enforcer.repair(Touched(frozenset({"input"}))) == Repaired()
    assert (nft.runs, nft.lists) == (runs, 1)


def test_a_repair_writes_only_what_is_damaged(nft: ProbedNft) -> None:
    enforcer = Enforcer(nft)
    enforcer.enforce(policy())
    nft.run("flush chain inet catflap input\n")
    runs = nft.runs
    repaired = enforcer.repair(Touched(frozenset({"input"})))
    assert words(repaired) == ["rules of chain input were changed"]
    assert repaired.transactions == nft.runs - runs == 1
    assert repaired.seconds > 0
    assert nft.lists == 1
    assert nft.rule_set == compile_policy(policy()).rule_set
    assert enforcer.repair(Touched(frozenset({"input"}))) == Repaired()


def test_a_repair_takes_over_no_connections_anew(nft: ProbedNft) -> None:
    told: list[None] = []
    enforcer = Enforcer(nft, lambda: told.append(None))
    enforcer.enforce(policy())
    nft.run("delete table inet catflap\n")
    assert words(enforcer.repair(Touched())) == ["the table was deleted"]
    assert nft.rule_set == compile_policy(policy()).rule_set
    assert told == [None]


def test_a_failed_repair_is_an_error_and_the_next_one_writes_everything(nft: ProbedNft) -> None:
    enforcer = Enforcer(nft)
    enforcer.enforce(policy())
    nft.run("delete table inet catflap\n")
    nft.broken = True
    with pytest.raises(EnforceError, match="Device or resource busy"):
        enforcer.repair(Touched())
    assert enforcer.known is None
    nft.broken = False
    assert "everything is written anew" in words(enforcer.repair(Touched()))[0]
    assert nft.rule_set == compile_policy(policy()).rule_set


def test_a_failed_change_is_no_reason_to_repair_towards_it(nft: ProbedNft) -> None:
    enforcer = Enforcer(nft)
    enforcer.enforce(policy(6))
    nft.refuse = nft.runs + 1
    with pytest.raises(EnforceError):
        enforcer.enforce(policy(17))
    nft.run("delete table inet catflap\n")
    enforcer.repair(Touched())
    assert nft.rule_set == compile_policy(policy(6)).rule_set


def test_a_sleeping_table_is_woken(nft: ProbedNft) -> None:
    enforcer = Enforcer(nft)
    enforcer.enforce(policy())
    outline = nft.outline()
    assert outline is not None
    nft.outline = lambda: replace(outline, dormant=True)  # type: ignore[method-assign]  # the fake has no flags
    runs = nft.runs
    repaired = enforcer.repair(Touched())
    assert words(repaired) == ["the table was made dormant"]
    assert repaired.transactions == nft.runs - runs == 1


def test_a_table_that_belongs_to_somebody_else_cannot_be_repaired_and_the_error_says_what_helps(
    nft: ProbedNft,
) -> None:
    enforcer = Enforcer(nft)
    enforcer.enforce(policy())
    outline = nft.outline()
    assert outline is not None
    nft.outline = lambda: replace(outline, owned=True)  # type: ignore[method-assign]  # the fake has no flags
    with pytest.raises(EnforceError, match="another program has made table inet catflap its own"):
        enforcer.repair(Touched())


class HostileNft(ProbedNft):
    """Somebody else writes a rule into a chain right after each of our transactions, as often as it is told to."""

    def __init__(self, attacks: int) -> None:
        super().__init__()
        self.attacks = attacks

    def run(self, commands: str) -> None:
        super().run(commands)
        if self.attacks and "input" in self.rule_set.chains:
            self.attacks -= 1
            MemoryNft.run(self, block((), (), [Chain("input", ("accept",), Hook("input", -5))]))


@pytest.mark.parametrize("attacks", [1, 2])
def test_chains_that_somebody_changed_before_they_were_read_back_are_written_again(attacks: int) -> None:
    nft = HostileNft(attacks)
    enforcer = Enforcer(nft)
    enforcer.enforce(policy())
    assert nft.rule_set == compile_policy(policy()).rule_set
    assert enforcer.repair(Touched(frozenset(nft.rule_set.chains))) == Repaired()


def test_where_somebody_always_changes_them_their_content_counts_as_unknown_and_is_repaired_later() -> None:
    nft = HostileNft(100)
    enforcer = Enforcer(nft)
    enforcer.enforce(policy())
    assert nft.attacks > 90
    nft.attacks = 0
    known = enforcer.known
    assert known is not None
    repaired = enforcer.repair(differing(nft, known))
    assert "rules of chain input were changed" in words(repaired)
    assert nft.rule_set == compile_policy(policy()).rule_set


def test_own_commits_are_told_by_their_thread(nft: ProbedNft) -> None:
    enforcer = Enforcer(nft)
    assert not enforcer.is_own(nft.generation())
    enforcer.enforce(policy())
    assert enforcer.is_own(nft.generation())
    assert not enforcer.is_own(Generation(1, nft.generation().thread + 1, "nft"))


def test_interfaces_that_cannot_be_policed_are_reported(nft: ProbedNft) -> None:
    enforced = Enforcer(nft).enforce(policy(interface='a"b'))
    assert [item.name for item in enforced.unsupported] == ['a"b']
    assert enforced.transactions == 0
    assert enforced.seconds > 0


_OTHER = policy_key("other")


def two_interfaces(protocol: int = 6, *members: str) -> HostPolicy:
    """Policy with a set on eth0, and policy without one on eth1."""
    web = lists(_KEY, [rule(protocol=protocol, source=MatchPeer(ip_sets=("s",)))])
    other = lists(_OTHER, [rule(protocol=protocol)])
    found = host_policy(
        ("eth0", "eth1"),
        [TierStep("default", (_KEY, _OTHER))],
        rules=[web, other],
        ip_sets=[IpSet("s", "about s", frozenset(members))],
    )
    steps = [DirectionPolicy((TierStep("default", (key,)),)) for key in (_KEY, _OTHER)]
    pairs = zip(found.interfaces, steps, strict=True)
    return replace(found, interfaces=tuple(replace(item, ingress=side, egress=side) for item, side in pairs))


class Rig:
    """An enforcer of a kernel that may refuse parts."""

    def __init__(self) -> None:
        self.nft = RefusingNft()
        self.enforcer = Enforcer(self.nft)

    def allows(self, interface: str, source: str = "10.0.0.1", **fields: Any) -> bool:
        return walk(self.nft.rule_set, packet(source, interface=interface, **fields)) == "accept"


@pytest.fixture
def rig() -> Rig:
    return Rig()


def test_a_set_that_is_refused_closes_the_interfaces_that_need_it_and_no_others(rig: Rig) -> None:
    rig.nft.refuses = elements_of("addresses4-s", most=1)
    enforced = rig.enforcer.enforce(two_interfaces(6, "10.0.0.1", "10.0.0.2"))
    assert [(item.object, item.interfaces, item.kept) for item in enforced.refused] == [
        ("set addresses4-s of size 2 (about s)", ("eth0",), False)
    ]
    assert enforced.refused[0].reason == "Cannot allocate memory"
    assert not rig.allows("eth0")
    assert rig.allows("eth0", state=ConnectionState.ESTABLISHED)
    assert rig.allows("eth1")


def test_an_interface_stays_as_it_was_where_that_can_stand(rig: Rig) -> None:
    rig.enforcer.enforce(two_interfaces(6, "10.0.0.1"))
    rig.nft.refuses = elements_of("addresses4-s", most=1)
    enforced = rig.enforcer.enforce(two_interfaces(17, "10.0.0.2", "10.0.0.3"))
    assert {(item.interfaces, item.kept) for item in enforced.refused} == {(("eth0",), True)}
    assert rig.allows("eth0", protocol=6)
    assert not rig.allows("eth0", "10.0.0.2", protocol=17)
    assert not rig.allows("eth1", protocol=6)
    assert rig.allows("eth1", protocol=17)


def test_what_is_refused_is_not_tried_with_every_change_but_when_reconsidered(rig: Rig) -> None:
    rig.nft.refuses = elements_of("addresses4-s", most=1)
    rig.enforcer.enforce(two_interfaces(6, "10.0.0.1", "10.0.0.2"))
    checks = rig.nft.checks
    enforced = rig.enforcer.enforce(two_interfaces(17, "10.0.0.1", "10.0.0.2"))
    assert {(item.interfaces, item.kept) for item in enforced.refused} == {(("eth0",), False)}
    assert rig.nft.checks == checks
    assert rig.allows("eth1", protocol=17)
    rig.nft.refuses = lambda _: False
    assert rig.enforcer.enforce(two_interfaces(6, "10.0.0.1", "10.0.0.2")).refused
    rig.enforcer.reconsider()
    assert not rig.enforcer.enforce(two_interfaces(6, "10.0.0.1", "10.0.0.2")).refused
    assert rig.nft.rule_set == compile_policy(two_interfaces(6, "10.0.0.1", "10.0.0.2")).rule_set


def test_what_is_refused_as_well_is_found_at_once(rig: Rig) -> None:
    rig.nft.refuses = elements_of("addresses4-s", most=1)
    rig.enforcer.enforce(two_interfaces(6, "10.0.0.1", "10.0.0.2"))
    rig.nft.refuses = lambda command: (
        elements_of("addresses4-s", most=1)(command) or rules_with("meta l4proto 17 accept")(command)
    )
    enforced = rig.enforcer.enforce(two_interfaces(17, "10.0.0.1", "10.0.0.2"))
    assert {(item.interfaces, item.kept) for item in enforced.refused} == {
        (("eth0",), False),
        (("eth1",), True),
    }


def test_what_is_refused_and_changes_is_tried(rig: Rig) -> None:
    rig.nft.refuses = elements_of("addresses4-s", most=1)
    rig.enforcer.enforce(two_interfaces(6, "10.0.0.1", "10.0.0.2"))
    assert not rig.enforcer.enforce(two_interfaces(6, "10.0.0.7")).refused
    assert rig.allows("eth0", "10.0.0.7")


def test_a_rule_that_the_kernel_does_not_understand(rig: Rig) -> None:
    rig.nft.refuses = rules_with("meta l4proto 132")
    changed = two_interfaces(6, "10.0.0.1")
    changed = replace(changed, policies={**changed.policies, _OTHER: lists(_OTHER, [rule(protocol=132)])})
    enforced = rig.enforcer.enforce(changed)
    assert {(item.object, item.interfaces) for item in enforced.refused} == {
        ("chain policy-in-default/other", ("eth1",))
    }
    assert rig.allows("eth0")
    assert not rig.allows("eth1", protocol=132)


def test_a_change_of_members_that_is_refused_keeps_the_last_members(rig: Rig) -> None:
    rig.enforcer.enforce(two_interfaces(6, "10.0.0.1"))
    rig.nft.refuses = elements_of("addresses4-s")
    (refused,) = rig.enforcer.enforce(two_interfaces(6, "10.0.0.1", "10.0.0.2")).refused
    assert (refused.interfaces, refused.kept) == (("eth0",), True)
    assert rig.allows("eth0")
    assert not rig.allows("eth0", "10.0.0.2")


def test_what_is_in_the_way_of_all_keeps_everything_as_it_was(rig: Rig) -> None:
    rig.enforcer.enforce(two_interfaces(6, "10.0.0.1"))
    before = rig.nft.rule_set
    rig.nft.refuses = everything
    with pytest.raises(EnforceError, match="Cannot allocate memory"):
        rig.enforcer.enforce(two_interfaces(17, "10.0.0.1"))
    rig.nft.refuses = rules_with("iifname vmap")
    rig.enforcer.forget()
    with pytest.raises(EnforceError, match="input: Cannot allocate memory"):
        rig.enforcer.enforce(two_interfaces(17, "10.0.0.1"))
    assert rig.nft.rule_set == before


def test_an_interface_that_is_closed_is_not_taken_for_one_that_stayed(rig: Rig) -> None:
    rig.nft.refuses = elements_of("addresses4-s", most=1)
    rig.enforcer.enforce(two_interfaces(6, "10.0.0.1", "10.0.0.2"))
    enforced = rig.enforcer.enforce(two_interfaces(6, "10.0.0.1", "10.0.0.3"))
    assert {item.kept for item in enforced.refused} == {False}


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(old=host_policies(), new=host_policies(), data=st.data())
def test_whatever_is_refused_nothing_passes_that_old_and_new_policy_deny(
    old: HostPolicy, new: HostPolicy, data: st.DataObject
) -> None:
    rig = Rig()
    rig.enforcer.enforce(old)
    chains = sorted(compile_policy(new).rule_set.chains)
    words = data.draw(st.sampled_from([*ADDRESSES, "drop comment", "th dport", "@addresses", *chains]))
    rig.nft.refuses = rules_with(words)
    with contextlib.suppress(EnforceError):
        rig.enforcer.enforce(new)
    before, after = compile_policy(old).rule_set, compile_policy(new).rule_set
    for each in data.draw(st.lists(packets(new), min_size=6, max_size=6)):
        passing = replace(each, state=ConnectionState.NEW)
        fates = {walk(rule_set, passing) for rule_set in (before, after)}
        assert walk(rig.nft.rule_set, passing) != "accept" or "accept" in fates


def test_interval_sets_change_in_place_where_the_kernel_can(nft: ProbedNft) -> None:
    for in_place, expected in ((True, ["networks4-s"]), (False, ["networks4-s/2"])):
        enforcer = Enforcer(nft, in_place=in_place)
        enforcer.enforce(two_interfaces(6, "10.0.0.0/8"))
        enforcer.enforce(two_interfaces(6, "11.0.0.0/8"))
        assert [name for name in nft.rule_set.sets if name.startswith("networks")] == expected
        enforcer.enforce(HostPolicy())
