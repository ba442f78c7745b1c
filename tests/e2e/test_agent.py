"""The life of the agent: start, take-over, reload, end; no gap and no leak through any of it."""

from __future__ import annotations

import asyncio
import json
import re
import signal
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Final

import pytest

from catflap.lab.agent import AgentProcess
from catflap.lab.guide import HOSTNAME
from catflap.lab.stream import Stream
from catflap.lab.topology import HOST_MANAGEMENT

from .guide_host import HEP, POLICY, READY, GuideHost

ETH0: Final = {"name": "eth0"}
OPEN, SHUT = 5001, 5002  # UDP ports that the policy of the streams allows and denies


def allow(port: int, protocol: str = "tcp", **fields: Any) -> dict[str, Any]:
    rule = {"action": "allow", "protocol": protocol, "dst_ports": [port], **fields}
    return {"selector": "all()", "inbound_rules": [rule], "outbound_rules": [{"action": "allow"}]}


async def expect_only_80(guide: GuideHost) -> None:
    await asyncio.gather(
        guide.expect(guide.network.mgmt, HOST_MANAGEMENT, "tcp", 80, v4=True, v6=True),
        guide.expect(guide.network.mgmt, HOST_MANAGEMENT, "tcp", 443, v4=False, v6=False),
    )


def test_a_second_agent_is_refused_in_the_same_namespace_and_welcome_in_another(
    guide3: GuideHost, agent3: AgentProcess, tmp_path: Path
) -> None:
    status, stderr = guide3.start_agent().wait()
    assert status == 1
    assert f"another agent (process {agent3.pid}) is running" in stderr
    with AgentProcess(guide3.network.mgmt, tmp_path / "other.log", guide3.environment()) as other:
        other.wait_for("status changed to in-sync")
    agent3.stop()
    guide3.start_agent().wait_for("status changed to in-sync")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
async def test_what_is_enforced_outlives_the_agent(
    guide3: GuideHost, agent3: AgentProcess, number: signal.Signals
) -> None:
    guide3.put(f"{POLICY}/web", allow(80))
    guide3.enforced(agent3, lambda: guide3.put(f"{HEP}/eth0", ETH0))
    before = guide3.rule_set()
    agent3.send_signal(number)
    status, stderr = agent3.wait(timeout=2)
    assert (status, stderr) == (-signal.SIGKILL if number is signal.SIGKILL else 0, "")
    assert guide3.rule_set() == before
    await expect_only_80(guide3)


def test_an_agent_whose_store_hangs_ends_when_told_to(guide: GuideHost, agent: AgentProcess) -> None:
    guide.server.freeze()
    agent.send_signal(signal.SIGTERM)
    assert agent.wait(timeout=2) == (0, "")
    waiting = guide.start_agent()
    waiting.wait_for("wait-for-ready")
    waiting.send_signal(signal.SIGTERM)
    assert waiting.wait(timeout=2) == (0, "")
    guide.server.thaw()


class Disturbance:
    """Things that happen to an agent while packets pass."""

    def __init__(self, guide: GuideHost, agent: AgentProcess) -> None:
        self.guide = guide
        self.agent = agent

    def put_policy(self, number: int) -> None:
        """Rewrite the policy so that every set and chain differs, and OPEN is allowed from MGMT all the same."""
        nets = [f"192.0.2.{10 >> host << host}/{32 - host}" for host in range(9)]
        rules = [
            {"protocol": "udp", "dst_ports": [SHUT], "src_net": f"203.0.113.{number % 250}/32"},
            {"protocol": "udp", "dst_ports": [7000 + number, OPEN], "src_net": nets[number % len(nets)]},
            {"protocol": "udp", "dst_ports": [f"{6000 + number}:6999"], "src_tag": f"tag-{number}"},
        ]
        text = json.dumps({"selector": "all()", "inbound_rules": rules[number % 2 :]})
        self.guide.put(f"{POLICY}/p", text)

    def policies(self) -> None:
        """A new policy every 50 ms."""
        for number in range(20):
            self.put_policy(number)
            time.sleep(0.05)

    def failsafes(self) -> None:
        for value in ("23,udp:4000-4999", "none", "udp:10.0.0.0/8:5002", "22"):
            self._enforced(partial(self.guide.put, "/calico/v1/config/FailsafeInboundHostPorts", value))

    def endpoints(self) -> None:
        """Other labels and profiles, then another endpoint of the same interface, by name and by address."""
        changed = {**ETH0, "labels": {"a": "b"}, "profile_ids": ["x"]}
        self._enforced(lambda: self.guide.put(f"{HEP}/eth0", changed))
        self.guide.put(f"{HEP}/second", {"expected_ipv4_addrs": [HOST_MANAGEMENT.v4]})
        self._enforced(lambda: self.guide.delete(f"{HEP}/eth0"))
        self.guide.put(f"{HEP}/second", ETH0)
        time.sleep(0.2)

    def restarts(self) -> None:
        self.agent.stop()
        self.put_policy(101)
        self._start()

    def kills(self) -> None:
        self.agent.kill()
        self.put_policy(102)
        self._start()

    def lost_store(self) -> None:
        self.agent.mark()
        self.guide.server.kill()
        self.agent.wait_for("Connection to .* lost")
        self.guide.server.start()
        self._enforced(lambda: self.put_policy(103))

    def _start(self) -> None:
        self.agent = self.guide.start_agent()
        self.agent.wait_for("Enforcing on eth0")

    def _enforced(self, change: Callable[[], None]) -> None:
        self.guide.enforced(self.agent, change)


@pytest.mark.parametrize(
    "happening",
    [
        Disturbance.policies,
        Disturbance.failsafes,
        Disturbance.endpoints,
        Disturbance.restarts,
        Disturbance.kills,
        Disturbance.lost_store,
    ],
)
def test_no_allowed_packet_is_lost_and_no_denied_one_gets_through(
    guide3: GuideHost, agent3: AgentProcess, happening: Callable[[Disturbance], None]
) -> None:
    disturbance = Disturbance(guide3, agent3)
    disturbance.put_policy(100)
    guide3.enforced(agent3, lambda: guide3.put(f"{HEP}/eth0", ETH0))
    mgmt, host = guide3.network.mgmt, guide3.host
    with (
        Stream(mgmt, host, HOST_MANAGEMENT.v4, OPEN, rate=2000) as allowed,
        Stream(mgmt, host, HOST_MANAGEMENT.v4, SHUT, rate=2000) as denied,
        Stream(mgmt, host, HOST_MANAGEMENT.v6, SHUT, rate=1000) as denied6,
    ):
        allowed.wait_for(100)
        happening(disturbance)
        allowed.wait_for(100)
        leaked = denied.result.received, denied6.result.received
        guide3.delete_tree(f"/calico/v1/host/{HOSTNAME}")
        for stream in (denied, denied6):  # nothing but policy held them up
            stream.wait_for(100)
    assert allowed.result.missing == ()
    assert leaked == (0, 0)


FOREIGN: Final = """
add set inet catflap foreign_set { type ipv4_addr; elements = { 10.0.0.1 }; }
add chain inet catflap foreign { type filter hook input priority -10; }
add chain inet catflap foreign_target
add rule inet catflap foreign_target drop
add rule inet catflap foreign ip saddr @foreign_set udp dport 1 jump foreign_target
add element inet catflap ingress_interfaces { "ghost0" : jump foreign_target }
flush chain inet catflap out-eth0
add table inet other
add chain inet other input { type filter hook input priority 0; policy accept; }
add rule inet other input tcp dport 81 counter drop
add table ip filter
add chain ip filter INPUT { type filter hook input priority 0; policy accept; }
"""


def own_table(guide: GuideHost) -> list[str]:
    return sorted(guide.host.run("nft", "list", "table", "inet", "catflap").splitlines())


def other_tables(guide: GuideHost) -> str:
    listed = guide.rule_set()
    return re.sub(r"(?ms)^table inet catflap \{.*?^\}\n", "", listed)


async def test_a_take_over_cleans_the_own_table_and_leaves_others_alone(
    guide3: GuideHost, agent3: AgentProcess
) -> None:
    guide3.put(f"{POLICY}/web", allow(80))
    guide3.enforced(agent3, lambda: guide3.put(f"{HEP}/eth0", ETH0))
    clean = own_table(guide3)
    guide3.enforced(agent3, lambda: guide3.put(f"{HEP}/eth1", {"name": "eth1"}))
    agent3.stop()
    guide3.host.run("nft", "-f", "-", stdin=FOREIGN)
    others = other_tables(guide3)
    guide3.delete(f"{HEP}/eth1")
    agent = guide3.start_agent()
    agent.wait_for("Enforcing on eth0")
    assert own_table(guide3) == clean
    await expect_only_80(guide3)
    assert other_tables(guide3) == others
    guide3.enforced(agent, lambda: guide3.delete(f"{HEP}/eth0"))
    assert other_tables(guide3) == others


async def test_where_nothing_is_to_police_and_no_workload_can_be_there_is_no_table(guide3: GuideHost) -> None:
    guide3.put(READY, "true")
    agent = guide3.start_agent(guide3.environment(InterfacePrefix="none"))
    agent.wait_for("status changed to in-sync")
    guide3.enforced(agent, lambda: guide3.put(f"{HEP}/eth0", ETH0))
    guide3.enforced(agent, lambda: guide3.delete(f"{HEP}/eth0"))
    assert guide3.rule_set() == ""


class Configured:
    """An agent with a configuration file that can be changed."""

    def __init__(self, guide: GuideHost, file: Path) -> None:
        self._file = file
        self.write("FailsafeInboundHostPorts = 22")
        self.agent = guide.start_agent(guide.environment(), ("-c", str(file)))

    def write(self, *lines: str) -> None:
        self._file.write_text("\n".join(("[global]", *lines)))

    def reload(self) -> None:
        self.agent.mark()
        self.agent.send_signal(signal.SIGHUP)


async def test_sighup_applies_a_changed_file_and_keeps_the_old_one_where_it_is_broken(
    guide3: GuideHost, tmp_path: Path
) -> None:
    guide3.put(READY, "true")
    guide3.put(f"{HEP}/eth0", ETH0)
    file = tmp_path / "felix.cfg"
    configured = Configured(guide3, file)
    configured.agent.wait_for("Enforcing on eth0")
    configured.write("FailsafeInboundHostPorts = 80", "LogSeverityFile = debug")
    configured.reload()
    configured.agent.wait_for("Enforcing on eth0")
    assert guide3.parameter("FailsafeInboundHostPorts") == f"'tcp:80' read from Configuration file {file}"
    guide3.put(f"{POLICY}/web", {"selector": "nobody == 'x'"})
    configured.agent.wait_for(r"\[DEBUG\]")
    for broken in ("FailsafeInboundHostPorts = ssh", "[global"):
        configured.write(broken)
        configured.reload()
        configured.agent.wait_for(rf"\[ERROR\].*Keeping the previous configuration: .*{file}")
    file.unlink()
    configured.reload()
    configured.agent.wait_for(rf"\[ERROR\].*Keeping the previous configuration: .*{file} does not exist")
    await expect_only_80(guide3)


def test_a_log_file_that_is_rotated_away_is_begun_anew(guide3: GuideHost, agent3: AgentProcess) -> None:
    old = guide3.log_file.with_suffix(".1")
    guide3.log_file.rename(old)
    size = old.stat().st_size
    guide3.enforced(agent3, lambda: guide3.put(f"{HEP}/eth0", ETH0))
    assert old.stat().st_size == size


def test_without_a_place_for_its_log_the_agent_goes_on_and_logs_to_stderr(guide3: GuideHost) -> None:
    guide3.log_file = guide3.log_file.parent / "log" / "felix.log"
    guide3.put(READY, "true")
    guide3.put(f"{HEP}/eth0", ETH0)
    agent = guide3.start_agent()
    agent.wait_for("Enforcing on eth0")
    guide3.log_file.unlink()
    guide3.log_file.parent.rmdir()
    guide3.log_file.parent.touch()
    for name in ("eth1", "eth2"):  # the second is enforced after the first one was logged
        guide3.put(f"{HEP}/{name}", {"name": name})
        wait_until(partial(is_policed, guide3, name))
    guide3.log_file.parent.unlink()
    guide3.log_file.parent.mkdir()
    agent.mark()
    guide3.put(f"{HEP}/eth3", {"name": "eth3"})
    agent.wait_for("Enforcing on eth0, eth1, eth2, eth3")
    agent.send_signal(signal.SIGTERM)
    status, stderr = agent.wait()
    assert status == 0
    assert f"(not in {guide3.log_file}: Not a directory)" in stderr
    assert "Traceback" not in stderr


def is_policed(guide: GuideHost, interface: str) -> bool:
    return f"in-{interface}" in guide.rule_set()


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_memory_of_the_idle_agent(agent3: AgentProcess) -> None:
    status = Path(f"/proc/{agent3.pid}/status").read_text()
    found = re.search(r"VmRSS:\s+(\d+) kB", status)
    assert found
    print(f"the idle agent has {int(found[1]) / 1024:.0f} MiB")  # noqa: T201  # pytest -rP shows it
