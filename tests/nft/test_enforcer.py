from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from msgspec.structs import replace
from tests.nft.host_policies import host_policy, lists, policy_key, rule

from catflap.nft.compile import compile_policy
from catflap.nft.damage import Touched, differing
from catflap.nft.enforcer import EnforceError, Enforcer, Repaired
from catflap.nft.memory import MemoryNft
from catflap.nft.nfnetlink import Generation
from catflap.nft.port import NftError
from catflap.nft.ruleset import TRACKING, Chain, Hook, RuleSet, block
from catflap.policy.host_policy import HostPolicy, TierStep

_KEY = policy_key("web")


def policy(protocol: int = 6, interface: str = "eth0") -> HostPolicy:
    return host_policy(
        (interface,), [TierStep("default", (_KEY,))], rules=[lists(_KEY, [rule(protocol=protocol)])]
    )


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
    enforcer.enforce(policy(6))
    assert nft.lists == 2
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
    assert repaired.damage == ("rules of chain input were changed",)
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
    assert enforcer.repair(Touched()).damage == ("the table was deleted",)
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
    assert "everything is written anew" in enforcer.repair(Touched()).damage[0]
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
    assert repaired.damage == ("the table was made dormant",)
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
    assert "rules of chain input were changed" in repaired.damage
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
