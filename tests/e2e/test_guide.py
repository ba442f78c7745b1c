"""The guide's own commands, against a real etcd with either API, and their effect on real packets."""

from __future__ import annotations

import asyncio
import re
import socket
import time
from pathlib import Path

import pytest

from catflap.lab.agent import AgentProcess
from catflap.lab.flows import HeldConnection
from catflap.lab.guide import FAILSAFE_POLICY, HOSTNAME, WEBSERVER_POLICY
from catflap.lab.topology import HOST_MANAGEMENT, HOST_PUBLIC, MGMT, STORE

from .guide_host import HEP, POLICY, READY, GuideHost

ETH0 = {"name": "eth0"}
ETH1_BY_IP = {"expected_ipv4_addrs": [HOST_PUBLIC.v4], "labels": {"role": "webserver"}}


async def test_before_ready_the_log_says_so_regularly_and_the_kernel_holds_nothing(guide: GuideHost) -> None:
    guide.put(f"{HEP}/eth0", ETH0)
    agent = guide.start_agent()
    agent.wait_for(r"(?s)(in state wait-for-ready.*){3}", timeout=15)
    assert guide.polices_nothing()
    await guide.expect(guide.network.mgmt, HOST_MANAGEMENT, "tcp", 80, v4=True, v6=True)


@pytest.mark.parametrize("value", ["True", "yes", "1", "true ", "false"])
async def test_only_exactly_true_counts(guide: GuideHost, value: str) -> None:
    guide.put(READY, value)
    guide.put(f"{HEP}/eth0", ETH0)
    agent = guide.start_agent()
    agent.wait_for("in state wait-for-ready: /calico/v1/Ready is")
    await asyncio.sleep(0.3)
    assert "in-sync" not in agent.log()
    assert guide.polices_nothing()


async def test_ready_takes_the_agent_to_in_sync_within_two_seconds(guide: GuideHost) -> None:
    agent = guide.start_agent()
    agent.wait_for("in state wait-for-ready")
    agent.mark()
    started = time.monotonic()
    guide.put(READY, "true")
    agent.wait_for(r"(?s)status changed to resync.*status changed to in-sync")
    assert time.monotonic() - started < 2
    line = (
        rf"^\d{{4}}-\d\d-\d\d \d\d:\d\d:\d\d,\d{{3}} \[INFO\]\[{agent.pid}/\d+\] catflap\.agent\.config \d+:"
        rf" Parameter FelixHostname \(Felix compute host hostname\) has value '{HOSTNAME}' read from"
        r" Environment variable FELIX_FELIXHOSTNAME$"
    )
    assert re.search(line, agent.log(), re.MULTILINE)
    assert len(re.findall(r"Parameter \w+ \(.*\) has value .* read from ", agent.log())) >= 15
    assert guide.polices_nothing()  # nothing to police


async def test_an_endpoint_by_name_without_policy_leaves_only_the_failsafes(
    guide: GuideHost, agent: AgentProcess
) -> None:
    guide.enforced(agent, lambda: guide.put(f"{HEP}/eth0", ETH0))
    await guide.expect(guide.network.mgmt, HOST_MANAGEMENT, "tcp", 22, v4=True, v6=True)
    await guide.expect(guide.network.mgmt, HOST_MANAGEMENT, "tcp", 80, v4=False, v6=False)
    await guide.expect(guide.network.mgmt, HOST_MANAGEMENT, "icmp", v4=False, v6=False)
    await guide.expect(guide.host, STORE, "tcp", 2380, v4=True, v6=True)
    await guide.expect(guide.host, STORE, "tcp", 5432, v4=False, v6=False)
    await guide.expect(guide.network.web, HOST_PUBLIC, "tcp", 80, v4=True, v6=True)


async def test_the_guides_policies_work_in_the_default_tier_without_metadata(
    guide: GuideHost, agent: AgentProcess
) -> None:
    guide.put(FAILSAFE_POLICY.path, FAILSAFE_POLICY.value)
    guide.put(WEBSERVER_POLICY.path, WEBSERVER_POLICY.value)
    guide.put(f"{HEP}/management", ETH0)
    guide.enforced(agent, lambda: guide.put(f"{HEP}/data-1", ETH1_BY_IP))
    await asyncio.sleep(0.2)
    await guide.expect(guide.network.mgmt, HOST_MANAGEMENT, "icmp", v4=True, v6=False)
    await guide.expect(guide.network.mgmt, HOST_MANAGEMENT, "tcp", 80, v4=False, v6=False)
    await guide.expect(guide.network.web, HOST_PUBLIC, "tcp", 80, v4=True, v6=True)
    await guide.expect(guide.network.web, HOST_PUBLIC, "tcp", 443, v4=False, v6=False)


async def test_profiles_decide_where_no_policy_applies(guide: GuideHost, agent: AgentProcess) -> None:
    rules = {"inbound_rules": [{"protocol": "tcp", "dst_ports": [443]}], "outbound_rules": []}
    guide.put("/calico/v1/policy/profile/prof1/rules", rules)
    guide.put("/calico/v1/policy/profile/prof1/labels", {"kind": "frontend"})
    endpoint = {**ETH0, "profile_ids": ["prof1"]}
    guide.enforced(agent, lambda: guide.put(f"{HEP}/eth0", endpoint))
    await guide.expect(guide.network.mgmt, HOST_MANAGEMENT, "tcp", 443, v4=True, v6=True)
    policy = {"selector": 'kind == "frontend"', "inbound_rules": [{"protocol": "tcp", "dst_ports": [80]}]}
    guide.enforced(agent, lambda: guide.put(f"{POLICY}/frontend", policy))
    await guide.expect(guide.network.mgmt, HOST_MANAGEMENT, "tcp", 80, v4=True, v6=True)
    await guide.expect(guide.network.mgmt, HOST_MANAGEMENT, "tcp", 443, v4=False, v6=False)


async def test_labels_and_tags_stand_for_expected_addresses(guide: GuideHost, agent: AgentProcess) -> None:
    client = {"expected_ipv4_addrs": [MGMT.v4], "labels": {"role": "client"}, "profile_ids": ["tagged"]}
    guide.put("/calico/v1/host/other/endpoint/client", client)
    guide.put("/calico/v1/policy/profile/tagged/tags", ["trusted"])
    rules = [
        {"protocol": "tcp", "dst_ports": [80], "src_selector": 'role == "client"', "action": "allow"},
        {"protocol": "tcp", "dst_ports": [443], "src_tag": "trusted", "action": "allow"},
    ]
    guide.put(f"{POLICY}/clients", {"selector": "all()", "inbound_rules": rules})
    guide.enforced(agent, lambda: guide.put(f"{HEP}/eth0", ETH0))
    await guide.expect(guide.network.mgmt, HOST_MANAGEMENT, "tcp", 80, v4=True, v6=False)
    await guide.expect(guide.network.mgmt, HOST_MANAGEMENT, "tcp", 443, v4=True, v6=False)
    await guide.expect(guide.network.store, HOST_MANAGEMENT, "tcp", 80, v4=False, v6=False)
    client["labels"] = {"role": "other"}
    guide.enforced(agent, lambda: guide.put("/calico/v1/host/other/endpoint/client", client))
    await guide.expect(guide.network.mgmt, HOST_MANAGEMENT, "tcp", 80, v4=False, v6=False)


async def test_an_endpoint_with_neither_name_nor_addresses_is_named_in_one_line(
    guide: GuideHost, agent: AgentProcess
) -> None:
    raw = '{ "labels": {"foo": "bar"}, "profile_ids": ["prof1"]}'
    guide.put(f"{HEP}/eth0", raw)
    agent.wait_for("Validation failed")
    lines = [line for line in agent.log().splitlines() if "Validation failed" in line]
    assert len(lines) == 1
    assert "[WARNING]" in lines[0]
    assert lines[0].endswith(
        "Validation failed for host endpoint HostEndpointId<eth0>, treating as missing:"
        f" 'name' or 'expected_ipvX_addrs' must be present.; '{raw}'"
    )
    guide.enforced(agent, lambda: guide.put(f"{HEP}/good", ETH0))


async def test_endpoints_and_policies_can_be_replaced_deleted_and_deleted_recursively(
    guide: GuideHost, agent: AgentProcess
) -> None:
    guide.put(f"{HEP}/eth0", ETH0)
    allow_80 = {"selector": "all()", "inbound_rules": [{"protocol": "tcp", "dst_ports": [80]}]}
    guide.enforced(agent, lambda: guide.put(f"{POLICY}/p", allow_80))
    await guide.expect(guide.network.mgmt, HOST_MANAGEMENT, "tcp", 80, v4=True, v6=True)
    allow_443 = {"selector": "all()", "inbound_rules": [{"protocol": "tcp", "dst_ports": [443]}]}
    guide.enforced(agent, lambda: guide.put(f"{POLICY}/p", allow_443))
    await guide.expect(guide.network.mgmt, HOST_MANAGEMENT, "tcp", 80, v4=False, v6=False)
    await guide.expect(guide.network.mgmt, HOST_MANAGEMENT, "tcp", 443, v4=True, v6=True)
    guide.enforced(agent, lambda: guide.delete(f"{POLICY}/p"))
    await guide.expect(guide.network.mgmt, HOST_MANAGEMENT, "tcp", 443, v4=False, v6=False)
    guide.enforced(agent, lambda: guide.put(f"{POLICY}/p", allow_443))
    guide.enforced(agent, lambda: guide.delete_tree("/calico/v1/policy/tier/default"))
    await guide.expect(guide.network.mgmt, HOST_MANAGEMENT, "tcp", 443, v4=False, v6=False)
    guide.enforced(agent, lambda: guide.delete(f"{HEP}/eth0"))
    await guide.expect(guide.network.mgmt, HOST_MANAGEMENT, "tcp", 443, v4=True, v6=True)
    assert guide.polices_nothing()


@pytest.mark.parametrize("change", ["another value", "deleted", "everything deleted"])
async def test_without_ready_what_is_enforced_stays_and_edits_wait(
    guide: GuideHost, agent: AgentProcess, change: str
) -> None:
    guide.enforced(agent, lambda: guide.put(f"{HEP}/eth0", ETH0))
    enforced = guide.rule_set()
    agent.mark()
    if change == "another value":
        guide.put(READY, "false")
    elif change == "deleted":
        guide.delete(READY)
    else:
        guide.delete_tree("/calico/v1")
    agent.wait_for("status changed to wait-for-ready")
    guide.put(f"{HEP}/eth1", {"name": "eth1"})
    await asyncio.sleep(0.3)
    assert guide.rule_set() == enforced
    await guide.expect(guide.network.mgmt, HOST_MANAGEMENT, "tcp", 80, v4=False, v6=False)
    guide.enforced(agent, lambda: guide.put(READY, "true"))
    await guide.expect(guide.network.web, HOST_PUBLIC, "tcp", 80, v4=False, v6=False)
    still = change != "everything deleted"
    await guide.expect(guide.network.mgmt, HOST_MANAGEMENT, "tcp", 80, v4=not still, v6=not still)


async def test_while_etcd_is_stopped_enforcement_goes_on_and_later_changes_arrive(
    guide: GuideHost, agent: AgentProcess
) -> None:
    guide.enforced(agent, lambda: guide.put(f"{HEP}/eth0", ETH0))
    enforced = guide.rule_set()
    agent.mark()
    guide.server.stop()
    agent.wait_for("Connection to .* lost")
    await guide.expect(guide.network.mgmt, HOST_MANAGEMENT, "tcp", 80, v4=False, v6=False)
    assert guide.rule_set() == enforced
    guide.server.start()
    guide.enforced(agent, lambda: guide.put(f"{HEP}/eth1", {"name": "eth1"}))
    await guide.expect(guide.network.web, HOST_PUBLIC, "tcp", 80, v4=False, v6=False)
    await guide.expect(guide.network.mgmt, HOST_MANAGEMENT, "tcp", 80, v4=False, v6=False)


async def test_failsafe_lists_change_live_and_none_disables_them(
    guide: GuideHost, agent: AgentProcess
) -> None:
    guide.enforced(agent, lambda: guide.put(f"{HEP}/eth0", ETH0))
    everywhere = "/calico/v1/config/FailsafeInboundHostPorts"
    here = f"/calico/v1/host/{HOSTNAME}/config/FailsafeInboundHostPorts"
    guide.enforced(agent, lambda: guide.put(everywhere, "23"))
    await guide.expect(guide.network.mgmt, HOST_MANAGEMENT, "tcp", 22, v4=False, v6=False)
    await guide.expect(guide.network.mgmt, HOST_MANAGEMENT, "tcp", 23, v4=True, v6=True)
    assert guide.parameter("FailsafeInboundHostPorts") == "'tcp:23' read from Global etcd configuration"
    guide.enforced(agent, lambda: guide.put(here, f"tcp:{MGMT.v4}/32:80"))
    await guide.expect(guide.network.mgmt, HOST_MANAGEMENT, "tcp", 80, v4=True, v6=False)
    await guide.expect(guide.network.store, HOST_MANAGEMENT, "tcp", 80, v4=False, v6=False)
    assert "read from Host specific etcd configuration" in guide.parameter("FailsafeInboundHostPorts")
    guide.enforced(agent, lambda: guide.put(here, "none"))
    await guide.expect(guide.network.mgmt, HOST_MANAGEMENT, "tcp", 80, v4=False, v6=False)
    guide.enforced(agent, lambda: guide.delete(here))
    await guide.expect(guide.network.mgmt, HOST_MANAGEMENT, "tcp", 23, v4=True, v6=True)
    agent.mark()
    guide.put(everywhere, "ssh")
    agent.wait_for(r"\[WARNING\].*the previous value is kept.*'ssh' for FailsafeInboundHostPorts")
    await guide.expect(guide.network.mgmt, HOST_MANAGEMENT, "tcp", 23, v4=True, v6=True)


async def test_failsafe_lists_from_environment_and_file_win_over_the_store(
    guide: GuideHost, tmp_path: Path
) -> None:
    file = tmp_path / "felix.cfg"
    file.write_text("[global]\nFailsafeOutboundHostPorts = none\nFailsafeInboundHostPorts = 80\n")
    guide.put(READY, "true")
    guide.put("/calico/v1/config/FailsafeInboundHostPorts", "443")
    guide.put("/calico/v1/config/FailsafeOutboundHostPorts", "5432")
    guide.put(f"{HEP}/eth1", {"name": "eth1"})
    agent = guide.start_agent(guide.environment(FailsafeInboundHostPorts="23"), ("-c", str(file)))
    agent.wait_for("Enforcing on eth1")
    await guide.expect(guide.network.web, HOST_PUBLIC, "tcp", 23, v4=True, v6=True)
    await guide.expect(guide.network.web, HOST_PUBLIC, "tcp", 80, v4=False, v6=False)
    assert guide.parameter("FailsafeInboundHostPorts").endswith(
        "read from Environment variable FELIX_FAILSAFEINBOUNDHOSTPORTS"
    )
    assert guide.parameter("FailsafeOutboundHostPorts") == f"'none' read from Configuration file {file}"


async def test_the_host_name_comes_from_the_environment_the_file_or_the_system(
    guide: GuideHost, tmp_path: Path
) -> None:
    guide.put(READY, "true")
    file = tmp_path / "felix.cfg"
    file.write_text("[global]\nFelixHostname = named-in-file\n")
    without = guide.environment()
    del without["FELIX_FELIXHOSTNAME"]
    cases = [
        (
            guide.environment(),
            ("-c", str(file)),
            f"'{HOSTNAME}' read from Environment variable FELIX_FELIXHOSTNAME",
        ),
        (without, ("-c", str(file)), f"'named-in-file' read from Configuration file {file}"),
        (without, (), f"'{socket.gethostname()}' read from None"),
    ]
    for environment, arguments, expected in cases:
        agent = guide.start_agent(environment, arguments)
        agent.wait_for("status changed to in-sync")
        assert guide.parameter("FelixHostname") == expected
        agent.stop()


async def test_existing_connections_survive_a_new_endpoint(guide: GuideHost, agent: AgentProcess) -> None:
    held = await HeldConnection.open(guide.network.mgmt, HOST_MANAGEMENT.v4, 80)
    guide.enforced(agent, lambda: guide.put(f"{HEP}/eth0", ETH0))
    await guide.expect(guide.network.mgmt, HOST_MANAGEMENT, "tcp", 80, v4=False, v6=False)
    assert await held.carries_data()
    held.close()
