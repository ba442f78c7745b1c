"""The life of the agent: start, take-over, reload, end; no gap and no leak through any of it."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Final

import pytest

from catflap.lab.agent import AgentProcess, catflap_command
from catflap.lab.namespaces import Lab
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
            self._enforced(
                lambda value=value: self.guide.put("/calico/v1/config/FailsafeInboundHostPorts", value)
            )

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
    assert allowed.result.missing == ()
    assert (denied.result.received, denied6.result.received) == (0, 0)
    assert denied.result.sent > 200


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
    guide3.put(f"{HEP}/eth1", {"name": "eth1"})
    guide3.enforced(agent3, lambda: guide3.put(f"{HEP}/eth0", ETH0))
    agent3.stop()
    stale = own_table(guide3)
    guide3.host.run("nft", "-f", "-", stdin=FOREIGN)
    others = other_tables(guide3)
    assert own_table(guide3) != stale
    guide3.delete(f"{HEP}/eth1")
    agent = guide3.start_agent()
    agent.wait_for("Enforcing on eth0")
    assert own_table(guide3) == [line for line in stale if "eth1" not in line]
    await expect_only_80(guide3)
    assert other_tables(guide3) == others
    guide3.enforced(agent, lambda: guide3.delete(f"{HEP}/eth0"))
    assert guide3.rule_set() == others


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
    agent = guide3.start_agent()
    agent.wait_for("status changed to in-sync")
    guide3.log_file.unlink()
    guide3.log_file.parent.rmdir()
    guide3.log_file.parent.touch()
    guide3.put(f"{HEP}/eth0", ETH0)
    wait_until(lambda: "in-eth0" in guide3.rule_set())
    guide3.log_file.parent.unlink()
    guide3.log_file.parent.mkdir()
    agent.mark()
    guide3.put(f"{HEP}/eth1", {"name": "eth1"})
    agent.wait_for("Enforcing on eth0, eth1")
    agent.send_signal(signal.SIGTERM)
    status, stderr = agent.wait()
    assert status == 0
    assert f"(not in {guide3.log_file}: Not a directory)" in stderr
    assert "Traceback" not in stderr


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


BAD: Final[Mapping[str, str]] = {
    "EtcdAddr": "foo",
    "EtcdScheme": "ftp",
    "EtcdEndpoints": "http://a:1,https://b:2",
    "DatastoreType": "consul",
    "FailsafeInboundHostPorts": "ssh",
    "FailsafeOutboundHostPorts": "tcp:70000",
    "InterfacePrefix": "cali,,tap",
    "LogSeverityFile": "loud",
}


class Bare:
    """A namespace without a store, for what the agent says before it needs one."""

    def __init__(self, lab: Lab, directory: Path) -> None:
        (self.namespace,) = lab.add("bare")
        self.log_file = directory / "felix.log"
        self.file = directory / "felix.cfg"

    def agent(self, *arguments: str, **environment: str) -> AgentProcess:
        made = AgentProcess(self.namespace, self.log_file, environment, arguments)
        made.start()
        return made

    def refused(self, *arguments: str, **environment: str) -> str:
        """What an agent says that ends at once with a slip of usage, having touched nothing."""
        status, stderr = self.agent(*arguments, **environment).wait()
        assert status == 2, stderr
        assert "Traceback" not in stderr
        assert self.namespace.run("nft", "list", "ruleset") == ""
        assert not self.log_file.exists()
        return stderr


@pytest.fixture
def bare(lab: Lab, tmp_path: Path) -> Bare:
    return Bare(lab, tmp_path)


@pytest.mark.parametrize(("name", "value"), BAD.items())
def test_a_bad_value_is_refused_with_its_name_and_source(bare: Bare, name: str, value: str) -> None:
    variable = f"FELIX_{name.upper()}"
    said = bare.refused(**{variable: value})
    assert re.search(rf"'{value}' for {name} \(.*read from Environment variable {variable}\)", said)
    bare.file.write_text(f"[global]\n{name} = {value}\nLogFilePath = {bare.log_file}\n")
    said = bare.refused("-c", str(bare.file))
    assert re.search(rf"'{value}' for {name} \(.*read from Configuration file {bare.file}\)", said)


def test_every_bad_value_is_named(bare: Bare) -> None:
    said = bare.refused(**{f"FELIX_{name.upper()}": value for name, value in BAD.items()})
    assert [name for name in BAD if name not in said] == []


@pytest.mark.parametrize("content", [b"no section", b"\xff\xfe\x00", b"[global\n", None])
def test_a_file_that_cannot_be_read_is_refused(bare: Bare, content: bytes | None) -> None:
    if content is None:
        bare.file.mkdir()
    else:
        bare.file.write_bytes(content)
    assert f"Configuration file {bare.file}" in bare.refused("-c", str(bare.file))


def test_a_file_that_does_not_exist_is_refused(bare: Bare) -> None:
    assert f"Configuration file {bare.file} does not exist" in bare.refused("-c", str(bare.file))


@pytest.mark.parametrize("url", ["http://localhost:2379", "etcd://", "dir:relative", "nonsense"])
def test_a_store_that_cannot_be_is_refused(bare: Bare, url: str) -> None:
    assert f"{url!r} cannot be used as a store" in bare.refused("--store", url)
    assert f"{url!r} cannot be used as a store" in bare.refused(CATFLAP_STORE=url)


def test_an_unknown_parameter_is_warned_of_before_the_store_is_reached(bare: Bare) -> None:
    agent = bare.agent(FELIX_ETCDENDPOINT="http://192.0.2.20:2379", FELIX_ETCDADDR="127.0.0.1:1")
    agent.wait_for(
        r"\[WARNING\].*unexpected config item ETCDENDPOINT=.*Environment variable FELIX_ETCDENDPOINT"
    )
    agent.wait_for("in state wait-for-ready: cannot read etcd://127.0.0.1:1")
    agent.stop()


def test_a_store_that_cannot_be_reached_is_waited_for_and_named(guide: GuideHost) -> None:
    guide.server.stop()
    agent = guide.start_agent()
    agent.wait_for(rf"in state wait-for-ready: cannot read etcd2?://{guide.server.endpoint}: ")
    agent.mark()
    guide.server.start()
    agent.wait_for(r"in state wait-for-ready: /calico/v1/Ready is not set")
    guide.put(READY, "true")
    agent.wait_for("status changed to in-sync")


def test_what_is_waited_for_is_right_again_after_the_store_was_away(guide: GuideHost) -> None:
    agent = guide.start_agent()
    agent.wait_for("Ready is not set")
    guide.server.kill()
    agent.wait_for("in state wait-for-ready: cannot read ")
    agent.mark()
    guide.server.start()
    agent.wait_for("in state wait-for-ready: /calico/v1/Ready is not set")


async def test_once_enforces_what_there_is_and_ends(guide: GuideHost) -> None:
    guide.put(READY, "true")
    guide.put(f"{POLICY}/web", allow(80))
    guide.put(f"{HEP}/eth0", ETH0)
    assert guide.start_agent(arguments=("--once",)).wait() == (0, "")
    await expect_only_80(guide)


def test_once_says_why_nothing_was_enforced(guide: GuideHost) -> None:
    once = ("--once", "--timeout", "0.5")
    status, stderr = guide.start_agent(arguments=once).wait()
    assert status == 3
    assert "nothing was enforced within 0.5 s: /calico/v1/Ready is not set" in stderr
    guide.server.stop()
    status, stderr = guide.start_agent(arguments=once).wait()
    assert status == 3
    assert re.search(
        rf"nothing was enforced within 0.5 s: cannot read etcd2?://{guide.server.endpoint}", stderr
    )
    assert guide.rule_set() == ""


def test_without_the_right_to_program_the_kernel_the_reason_is_clear(guide3: GuideHost) -> None:
    guide3.put(READY, "true")
    guide3.put(f"{HEP}/eth0", ETH0)
    without = ("setpriv", "--bounding-set=-net_admin", "--inh-caps=-net_admin", "--")
    done = subprocess.run(
        (*guide3.host.command_prefix, *without, *catflap_command("agent", "--once", "--timeout", "0.5")),
        capture_output=True,
        text=True,
        check=False,
        timeout=20,
        env={"PATH": os.environ["PATH"], "FELIX_LOGFILEPATH": str(guide3.log_file), **guide3.environment()},
    )
    assert done.returncode == 3
    assert "needs CAP_NET_ADMIN" in done.stderr
    assert "Traceback" not in done.stderr
    assert guide3.rule_set() == ""


def test_the_option_wins_over_the_variable_and_that_over_the_configuration(guide3: GuideHost) -> None:
    guide3.put(READY, "true")
    url, nobody = f"etcd://{guide3.server.endpoint}", "etcd://127.0.0.1:1"
    felix = guide3.environment(EtcdEndpoints="http://127.0.0.1:1", EtcdAddr="127.0.0.1:1")
    cases: list[tuple[dict[str, str], tuple[str, ...]]] = [
        ({**felix, "CATFLAP_STORE": url}, ()),
        ({**felix, "CATFLAP_STORE": nobody}, ("--store", url)),
    ]
    for environment, arguments in cases:
        assert guide3.start_agent(environment, (*arguments, "--once")).wait() == (0, "")


def test_memory_of_the_idle_agent(agent3: AgentProcess) -> None:
    status = Path(f"/proc/{agent3.pid}/status").read_text()
    found = re.search(r"VmRSS:\s+(\d+) kB", status)
    assert found
    print(f"the idle agent has {int(found[1]) / 1024:.0f} MiB")  # noqa: T201  # pytest -rP shows it
