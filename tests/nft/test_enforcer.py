from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from msgspec.structs import replace
from tests.nft.host_policies import host_policy, lists, policy_key, rule

from catflap.nft.compile import compile_policy
from catflap.nft.enforcer import EnforceError, Enforcer
from catflap.nft.memory import MemoryNft
from catflap.nft.port import NftError
from catflap.nft.ruleset import TRACKING, RuleSet
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

    def run(self, commands: str) -> None:
        self.runs += 1
        if self.runs == self.refuse:
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


def test_interfaces_that_cannot_be_policed_are_reported(nft: ProbedNft) -> None:
    enforced = Enforcer(nft).enforce(policy(interface='a"b'))
    assert [item.name for item in enforced.unsupported] == ['a"b']
    assert enforced.transactions == 0
    assert enforced.seconds > 0
