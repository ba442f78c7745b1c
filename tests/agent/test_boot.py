from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from tests.nft.host_policies import host_policy

from catflap.agent.boot import Result, bring_back, failsafe_only, saved_file, tell
from catflap.agent.config import Configuration, resolve
from catflap.agent.saved_rule_set import Origin, SavedRuleSet, write
from catflap.agent.settings import policy_settings
from catflap.model.resources import ICMPV6, TCP, UDP
from catflap.nft import Enforcer, MemoryNft, NftError, RuleSet, Touched, compile_policy
from catflap.nft.damage import TABLE_DELETED
from catflap.policy.host_policy import HostPolicy
from catflap.verdict.evaluate import evaluate
from catflap.verdict.packet import ConnectionState, Packet
from catflap.verdict.packet import Path as Path_
from catflap.verdict.result import Outcome

from .conftest import local_sources

ORIGIN = Origin("0.9", "web1", ("cali",), 17, "2026-01-01T00:00:00Z")
POLICY = replace(host_policy(("eth0",)), workload_prefixes=("cali",))


class Refusing(MemoryNft):
    """A kernel that does not take what names an interface."""

    def run(self, commands: str) -> None:
        if "eth0" in commands:
            raise NftError("Operation not supported")
        super().run(commands)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    found = saved_file(tmp_path)
    assert found == tmp_path / "rule-set.nft"
    return found


def configuration(**parameters: str) -> Configuration:
    return resolve(local_sources(FelixHostname="web1", **parameters))[0]


def rule_set(policy: HostPolicy = POLICY) -> RuleSet:
    return compile_policy(policy).rule_set


def save(file: Path, text: str, origin: Origin = ORIGIN) -> None:
    write(file, SavedRuleSet(origin, text))


def test_the_saved_rule_set_is_loaded(file: Path) -> None:
    save(file, rule_set().text())
    nft = MemoryNft()
    boot = bring_back(Enforcer(nft), file, configuration(BootAction="failsafe-only"))
    assert nft.rule_set == rule_set()
    assert (boot.result, boot.origin, boot.action, boot.reason, boot.remarks) == (
        Result.LOADED,
        ORIGIN,
        None,
        None,
        (),
    )
    assert str(boot) == f"loaded {file}, of store revision 17, saved at 2026-01-01T00:00:00Z by Catflap 0.9"


def test_an_empty_rule_set_is_what_was_in_force_too(file: Path) -> None:
    save(file, "")
    nft = MemoryNft()
    assert bring_back(Enforcer(nft), file, configuration()).result is Result.LOADED
    assert nft.list_table() is None


def test_a_rule_set_in_force_is_left_alone(file: Path) -> None:
    save(file, rule_set().text())
    nft = MemoryNft()
    other = host_policy(("eth7",))
    Enforcer(nft).enforce(other)
    boot = bring_back(Enforcer(nft), file, configuration(BootAction="failsafe-only"))
    assert (boot.result, boot.action) == (Result.PRESENT, None)
    assert nft.rule_set == rule_set(other)


def test_a_rule_set_in_force_that_somebody_deletes_comes_back_from_the_file(file: Path) -> None:
    save(file, rule_set().text())
    nft = MemoryNft()
    Enforcer(nft).enforce(host_policy(("eth0",)))
    enforcer = Enforcer(nft)
    bring_back(enforcer, file, configuration())
    nft.run("delete table inet catflap\n")
    assert enforcer.repair(Touched()).damage == (TABLE_DELETED,)
    assert nft.rule_set == rule_set()


def test_a_rule_set_in_force_needs_no_file_that_can_be_read(file: Path) -> None:
    file.write_text("garbage")
    nft = MemoryNft()
    Enforcer(nft).enforce(host_policy(("eth0",)))
    assert bring_back(Enforcer(nft), file, configuration()).result is Result.PRESENT


def test_what_was_left_half_made_is_no_rule_set_in_force(file: Path) -> None:
    save(file, rule_set().text())
    nft = MemoryNft()
    nft.run("table inet catflap {\n\tset left-over {\n\t\ttype ipv4_addr\n\t}\n}\n")
    assert bring_back(Enforcer(nft), file, configuration()).result is Result.LOADED
    assert nft.rule_set == rule_set()


@pytest.mark.parametrize("kept", [True, False])
def test_a_first_start_is_open(file: Path, kept: bool) -> None:
    nft = MemoryNft()
    boot = bring_back(Enforcer(nft), file if kept else None, configuration())
    assert (boot.result, boot.action, boot.reason) == (Result.MISSING, "open", None)
    assert "INTERFACES ARE OPEN until an agent has read its store (BootAction=open" in str(boot)
    assert nft.list_table() is None


def test_a_first_start_may_be_closed_but_for_failsafe_ports(file: Path) -> None:
    nft = MemoryNft()
    current = configuration(BootAction="failsafe-only")
    boot = bring_back(Enforcer(nft), file, current)
    assert (boot.result, boot.action, boot.reason) == (Result.MISSING, "failsafe-only", None)
    assert "every interface is closed but for failsafe ports" in str(boot)
    assert nft.rule_set == rule_set(failsafe_only(policy_settings(current)))


@pytest.mark.parametrize("action", ["open", "failsafe-only"])
def test_a_damaged_file_is_loud_and_boot_action_decides(
    file: Path, action: str, caplog: pytest.LogCaptureFixture
) -> None:
    save(file, rule_set().text())
    file.write_bytes(file.read_bytes()[:-1])
    nft = MemoryNft()
    boot = bring_back(Enforcer(nft), file, configuration(BootAction=action))
    assert (boot.result, boot.action) == (Result.DAMAGED, action)
    assert f"{file} is damaged" in str(boot.reason)
    assert (nft.list_table() is None) is (action == "open")
    tell(boot)
    ((_, level, text),) = caplog.record_tuples
    assert level == logging.ERROR
    assert text.startswith(f"Before the store is asked: THE LAST RULE SET IN FORCE CANNOT BE LOADED: {file}")


@pytest.mark.parametrize("action", ["open", "failsafe-only"])
def test_a_kernel_that_refuses_the_rule_set(file: Path, action: str) -> None:
    save(file, rule_set().text())
    nft = Refusing()
    boot = bring_back(Enforcer(nft), file, configuration(BootAction=action))
    assert (boot.result, boot.origin, boot.action) == (Result.REFUSED, ORIGIN, action)
    assert "Operation not supported" in str(boot.reason)
    assert bool(nft.rule_set.chains.get("input")) is (action == "failsafe-only")


def test_another_host_and_other_prefixes_are_remarked_and_loaded(
    file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    save(file, rule_set().text(), replace(ORIGIN, hostname="web2"))
    nft = MemoryNft()
    boot = bring_back(Enforcer(nft), file, configuration(InterfacePrefix="none"))
    assert nft.rule_set == rule_set()
    host, prefixes = boot.remarks
    assert "that of host 'web2', and this one is 'web1'" in host
    assert "by the prefixes cali, and InterfacePrefix says none" in prefixes
    caplog.set_level(logging.INFO)
    tell(boot)
    assert [record.levelno for record in caplog.records] == [logging.INFO, logging.WARNING, logging.WARNING]


IN, OUT, FORWARD = Path_.IN, Path_.OUT, Path_.FORWARD


def passes(path: Path_, protocol: int, port: int | None, interface: str = "eth0", **fields: Any) -> bool:
    policy = failsafe_only(policy_settings(configuration(InterfacePrefix="tap")))
    source, destination = fields.pop("ends", ("192.0.2.10", "192.0.2.1"))
    met = Packet(
        path=path,
        interface=interface,
        source=source,
        destination=destination,
        protocol=protocol,
        source_port=None if port is None else 40_000,
        destination_port=port,
        **fields,
    )
    return evaluate(policy, met).outcome is Outcome.ALLOW


def test_prefixes_of_the_store_are_no_reason_for_a_remark(file: Path) -> None:
    save(file, rule_set().text(), replace(ORIGIN, workload_prefixes=("tap",)))
    assert bring_back(Enforcer(MemoryNft()), file, configuration()).remarks == ()


def test_failsafe_only_is_what_it_says() -> None:
    assert passes(IN, TCP, 22)
    assert passes(OUT, TCP, 2379)
    assert not passes(IN, TCP, 80)
    assert not passes(OUT, TCP, 22)
    assert not passes(IN, UDP, 22, "wlan7")
    assert passes(IN, TCP, 80, state=ConnectionState.ESTABLISHED)
    assert passes(OUT, TCP, 80, state=ConnectionState.ESTABLISHED)
    assert passes(IN, TCP, 80, "lo")
    assert passes(OUT, TCP, 80, "lo")
    solicitation: dict[str, Any] = {
        "icmp_type": 135,
        "icmp_code": 0,
        "hop_limit": 255,
        "ends": ("fe80::1", "fe80::2"),
    }
    assert passes(IN, ICMPV6, None, **solicitation)
    assert not passes(IN, ICMPV6, None, **{**solicitation, "icmp_type": 128})


def test_failsafe_only_forwards_nothing_new_and_blocks_workloads() -> None:
    assert not passes(FORWARD, TCP, 22, out_interface="eth1")
    assert passes(FORWARD, TCP, 22, out_interface="eth1", state=ConnectionState.ESTABLISHED)
    assert not passes(IN, TCP, 22, "tap1")
    assert not passes(OUT, TCP, 2379, "tap1")
    assert not passes(FORWARD, TCP, 22, "tap1", out_interface="eth1", state=ConnectionState.ESTABLISHED)
