"""From one rule set in force to the next, whatever dies in between: reboots, kills, upgrades, with real packets.

Packets of the client WEB are allowed at one port, those of the stranger nowhere. Before and after everything that
happens here the first must pass, and the second must not.
"""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from catflap.agent.saved_rule_set import SavedRuleSet, decode, write
from catflap.lab.agent import AgentProcess, catflap_command
from catflap.lab.flood import Count, Flood, Flow
from catflap.lab.flows import HeldConnection
from catflap.lab.namespaces import Namespace
from catflap.lab.sabotage import killed_before, other_version
from catflap.lab.stream import Stream
from catflap.lab.topology import HOST_MANAGEMENT, HOST_PUBLIC, STRANGER, WEB

from .guide_host import HEP, POLICY, READY, GuideHost

OPEN, SHUT, OTHER = 9001, 9002, 9003
ETH1 = {"name": "eth1", "labels": {"role": "public"}}
MOST_TRANSACTIONS = 12  # of anything that is tried here


class PolicedHost:
    """The guide's host with policy for eth1, a state directory, and an agent that has enforced it once."""

    def __init__(self, guide: GuideHost, directory: Path) -> None:
        self.guide = guide
        self.host = guide.host
        self.directory = directory
        self.state = directory / "state"
        self.nets = 0
        guide.put(READY, "true")
        self.put_policy()
        guide.put(f"{HEP}/eth1", ETH1)
        self.agent = self.start()
        self.agent.wait_for("Enforcing on eth1")
        self.wait_until_kept()

    @property
    def file(self) -> Path:
        return self.state / "rule-set.nft"

    def put_policy(self) -> None:
        """Another policy, with other sets, that means the same for the two streams."""
        self.nets += 1
        rules = [
            {"action": "allow", "protocol": "udp", "dst_ports": [OPEN], "src_net": f"{WEB.v4}/31"},
            {"action": "allow", "protocol": "tcp", "dst_ports": [80], "src_net": f"{WEB.v4}/32"},
            {
                "action": "allow",
                "protocol": "udp",
                "dst_ports": [SHUT, 20_000 + self.nets],
                "src_net": f"10.{self.nets}.0.0/16",
            },
        ]
        policy = {
            "selector": "all()",
            "order": 1,
            "inbound_rules": rules,
            "outbound_rules": [{"action": "allow"}],
        }
        self.guide.put(f"{POLICY}/p", policy)

    def environment(self, more: Mapping[str, str] | None = None) -> dict[str, str]:
        return {**self.guide.environment(), "CATFLAP_STATE_DIR": str(self.state), **(more or {})}

    def start(self, more: Mapping[str, str] | None = None) -> AgentProcess:
        return self.guide.start_agent(self.environment(more))

    def restart(self, more: Mapping[str, str] | None = None) -> None:
        self.agent = self.start(more)
        self.agent.wait_for("Enforcing on eth1")

    def boot(self, more: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            (*self.host.command_prefix, *catflap_command("boot")),
            env={"PATH": os.environ["PATH"], **self.environment(more)},
            capture_output=True,
            text=True,
            check=False,
            timeout=20,
        )

    def wait_until_kept(self) -> None:
        """The agent writes it beside everything else."""
        for _ in range(500):
            if self.file.exists():
                return
            self.agent.wait_for("Enforcing")
            subprocess.run(["sleep", "0.01"], check=True)
        raise AssertionError("no rule set was kept")

    def power_off(self) -> None:
        """All that a reboot takes away."""
        self.agent.kill()
        self.host.set_link("eth1", up=False)
        self.host.run("nft", "delete", "table", "inet", "catflap")

    @contextmanager
    def flooded(self) -> Iterator[Flood]:
        """20,000 packets a second of each kind, from hosts that need not ask who has the address."""
        (mac,) = self.host.run("cat", "/sys/class/net/eth1/address").split()
        for sender in (self.guide.network.web, self.guide.network.stranger):
            sender.ip(f"neighbour replace {HOST_PUBLIC.v4} lladdr {mac} dev eth0 nud permanent")
        with Flood(
            self.host, [self.flow(self.guide.network.web), self.flow(self.guide.network.stranger)]
        ) as flood:
            yield flood

    def flow(self, source: Namespace) -> Flow:
        return Flow(source, HOST_PUBLIC.v4, OPEN if source.role == "web" else OTHER)

    @contextmanager
    def streams(self) -> Iterator[tuple[Stream, Stream]]:
        """Numbered packets, allowed and denied, for what goes on for many seconds."""
        network = self.guide.network
        with (
            Stream(network.web, self.host, HOST_PUBLIC.v4, OPEN, rate=1000) as allowed,
            Stream(network.stranger, self.host, HOST_PUBLIC.v4, SHUT, rate=1000) as denied,
        ):
            allowed.wait_for(100)
            yield allowed, denied
            allowed.wait_for(100)


@pytest.fixture
def policed(guide3: GuideHost, tmp_path: Path) -> PolicedHost:
    return PolicedHost(guide3, tmp_path)


def wait_for_packets(flood: Flood, more: int) -> tuple[Count, Count]:
    """Until that many more of both have arrived."""
    wanted = [count.arrived + more for count in flood.now()]
    for _ in range(1000):
        allowed, denied = flood.now()
        if allowed.arrived >= wanted[0] and denied.arrived >= wanted[1]:
            return allowed, denied
        subprocess.run(["sleep", "0.01"], check=True)
    raise AssertionError(f"the packets do not arrive: {flood.now()}")


def test_a_reboot_under_a_flood_lets_nothing_in_that_policy_denies(policed: PolicedHost) -> None:
    policed.power_off()
    policed.guide.server.kill()
    with policed.flooded() as flood:
        booted = policed.boot()
        assert (booted.returncode, booted.stderr) == (0, "")
        assert booted.stdout.startswith(f"loaded {policed.file}, of store revision ")
        assert [count.arrived for count in flood.now()] == [0, 0]
        policed.host.set_link("eth1", up=True)
        wait_for_packets(flood, 20_000)
        agent = policed.start()  # it finds the table, and no store
        agent.wait_for("a rule set is in force already")
        wait_for_packets(flood, 5_000)
    allowed, denied = flood.counts
    assert (allowed.lost, denied.passed) == (0, 0)
    assert min(allowed.arrived, denied.arrived) > 20_000


def test_the_rule_set_of_another_version_is_loaded_as_it_is(policed: PolicedHost) -> None:
    policed.power_off()
    saved = decode(policed.file.read_bytes())
    begin = "table inet catflap {\n"
    text = saved.text.replace(begin, f"{begin}\tquota of-another-version {{\n\t\tover 9 bytes\n\t}}\n\n", 1)
    write(policed.file, SavedRuleSet(saved.origin, text))
    with policed.flooded() as flood:
        assert policed.boot().returncode == 0
        assert "quota of-another-version" in policed.guide.rule_set()
        policed.host.set_link("eth1", up=True)
        wait_for_packets(flood, 1_000)
        policed.restart()
        wait_for_packets(flood, 1_000)
    allowed, denied = flood.counts
    assert (allowed.lost, denied.passed) == (0, 0)


def test_a_table_that_is_deleted_before_the_store_has_answered_comes_back(policed: PolicedHost) -> None:
    policed.agent.kill()
    policed.guide.server.kill()
    agent = policed.start()
    agent.wait_for("a rule set is in force already")
    with policed.streams() as (allowed, denied):
        policed.host.run("nft", "flush", "ruleset")
        agent.wait_for("the table was deleted; repaired in")
        assert nothing_gets_through(allowed, denied)
    assert allowed.result.missing == ()


def test_an_operator_may_load_the_file_by_hand(policed: PolicedHost) -> None:
    in_force = sorted(policed.guide.rule_set().splitlines())
    policed.power_off()
    policed.host.run("nft", "-f", str(policed.file))
    assert sorted(policed.guide.rule_set().splitlines()) == in_force


def test_without_catflap_boot_that_flood_does_get_in(policed: PolicedHost) -> None:
    """The test above can fail."""
    policed.power_off()
    with policed.flooded() as flood:
        policed.host.set_link("eth1", up=True)
        wait_for_packets(flood, 100)
    assert flood.counts[1].passed >= 100


def test_a_boot_that_is_killed_anywhere_is_done_again(policed: PolicedHost) -> None:
    with policed.flooded() as flood:
        for transaction in range(1, MOST_TRANSACTIONS):
            policed.power_off()
            killed = policed.boot(killed_before(policed.directory, transaction))
            assert killed.returncode in {0, -signal.SIGKILL}
            again = policed.boot()
            assert again.returncode == 0, again.stderr
            policed.host.set_link("eth1", up=True)
            wait_for_packets(flood, 2_000)
            if killed.returncode == 0:
                break
    assert transaction > 2
    allowed, denied = flood.counts
    assert (allowed.lost, denied.passed) == (0, 0)


async def test_a_start_without_table_that_is_killed_anywhere_loses_nothing(policed: PolicedHost) -> None:
    """Somebody has deleted the table, so everything is open; connections and allowed packets never notice."""
    held = await HeldConnection.open(policed.guide.network.web, HOST_PUBLIC.v4, 80)
    policed.guide.server.kill()
    with policed.streams() as (allowed, denied):
        for transaction in range(1, MOST_TRANSACTIONS):
            policed.agent.kill()
            policed.host.run("nft", "delete", "table", "inet", "catflap")
            denied.wait_for(10)
            killed = policed.start(killed_before(policed.directory, transaction))
            if not has_ended(killed):
                break
            policed.agent = policed.start()
            policed.agent.wait_for(f"loaded {policed.file}")
            assert nothing_gets_through(allowed, denied)
        assert nothing_gets_through(allowed, denied)
        assert await held.carries_data()
    assert transaction > 2
    assert allowed.result.missing == ()
    held.close()


def has_ended(agent: AgentProcess) -> bool:
    """Whether it was killed before it began to wait for the store."""
    for _ in range(1000):
        if (end := agent_end(agent)) is not None:
            return end
        subprocess.run(["sleep", "0.01"], check=True)
    raise AssertionError(agent.log())


def agent_end(agent: AgentProcess) -> bool | None:
    if agent._started().poll() is not None:
        return True
    return False if "in state wait-for-ready" in agent.log() else None


def nothing_gets_through(allowed: Stream, denied: Stream) -> bool:
    allowed.wait_for(50)  # those on their way have arrived
    before = denied.result.received
    allowed.wait_for(300)
    return denied.result.received == before


def test_a_change_that_is_killed_anywhere_loses_and_leaks_nothing(policed: PolicedHost) -> None:
    with policed.streams() as (allowed, denied):
        for transaction in range(1, MOST_TRANSACTIONS):
            policed.agent.kill()
            policed.put_policy()
            killed = policed.start(killed_before(policed.directory, transaction))
            for _ in range(1000):
                if killed._started().poll() is not None or "Enforcing on eth1" in killed.log():
                    break
                subprocess.run(["sleep", "0.01"], check=True)
            survived = killed._started().poll() is None
            killed.kill()
            policed.restart()
            if survived:
                break
    assert transaction > 3  # fill, switch and sweep
    assert allowed.result.missing == ()
    assert denied.result.received == 0


def test_an_upgrade_and_back_loses_and_leaks_nothing(policed: PolicedHost) -> None:
    with policed.flooded() as flood:
        for environment in (other_version(policed.directory), {}, other_version(policed.directory), {}):
            policed.agent.stop()
            policed.restart(environment)
            assert ("chain other-in-eth1" in policed.guide.rule_set()) is bool(environment)
    allowed, denied = flood.counts
    assert (allowed.lost, denied.passed) == (0, 0)
    assert min(allowed.arrived, denied.arrived) > 5_000


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_the_last_change_is_kept_and_a_kill_while_stopping_does_no_harm(
    policed: PolicedHost, number: signal.Signals
) -> None:
    with policed.flooded() as flood:
        for _ in range(3):
            policed.put_policy()
            policed.agent.wait_until_enforced(policed.guide.revision)
            policed.agent.send_signal(signal.SIGTERM)
            if number == signal.SIGKILL:
                policed.agent.send_signal(number)
            policed.agent.wait()
            saved = decode(policed.file.read_bytes())
            if number == signal.SIGTERM:
                assert saved.origin.revision == policed.guide.revision
            policed.restart()
    allowed, denied = flood.counts
    assert (allowed.lost, denied.passed) == (0, 0)


def test_another_network_namespace_than_the_hosts_has_no_state_unless_it_is_named(
    policed: PolicedHost,
) -> None:
    policed.agent.stop()
    policed.host.run("nft", "delete", "table", "inet", "catflap")
    environment = {"PATH": os.environ["PATH"], **policed.guide.environment()}
    command = (*policed.host.command_prefix, *catflap_command("boot"))
    booted = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert booted.returncode == 2
    assert "name the directory of its state with CATFLAP_STATE_DIR" in booted.stderr
    agent = policed.guide.start_agent()
    agent.wait_for("no rule set is kept here; INTERFACES ARE OPEN until")
    agent.wait_for("Enforcing on eth1")


@contextmanager
def small_disk(path: Path) -> Iterator[None]:
    path.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k,mode=700", "none", str(path)], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", str(path)], check=True)


async def test_a_full_disk_is_said_and_changes_nothing_else(guide3: GuideHost, tmp_path: Path) -> None:
    with small_disk(tmp_path / "state"):
        ballast = tmp_path / "state" / "ballast"
        ballast.write_bytes(bytes(64 * 1024))
        guide3.put(READY, "true")
        guide3.put(f"{HEP}/eth1", ETH1)
        agent = guide3.start_agent({**guide3.environment(), "CATFLAP_STATE_DIR": str(tmp_path / "state")})
        agent.wait_for("Enforcing on eth1")
        agent.wait_for(
            r"\[WARNING\].*not kept for the next boot: cannot write .*/rule-set.nft: No space left on device"
        )
        guide3.enforced(agent, lambda: guide3.put("/calico/v1/config/FailsafeInboundHostPorts", "23"))
        await guide3.expect(guide3.network.web, HOST_PUBLIC, "tcp", 22, v4=False, v6=False)
        ballast.unlink()
        agent.wait_for("The rule set in force is kept in .* again")
        assert "23" in decode((tmp_path / "state" / "rule-set.nft").read_bytes()).text
        agent.kill()


async def test_a_host_without_saved_rule_set_may_boot_closed(guide3: GuideHost, tmp_path: Path) -> None:
    environment = ("env", f"CATFLAP_STATE_DIR={tmp_path}", "FELIX_BOOTACTION=failsafe-only")
    guide3.host.run(*environment, *catflap_command("boot"))
    for source, to in ((guide3.network.web, HOST_PUBLIC), (guide3.network.mgmt, HOST_MANAGEMENT)):
        await guide3.expect(source, to, "tcp", 22, v4=True, v6=True)
        await guide3.expect(source, to, "tcp", 80, v4=False, v6=False)
    await guide3.expect(guide3.host, STRANGER, "icmp", v4=False, v6=False)
    guide3.put(READY, "true")
    guide3.put(f"{HEP}/eth0", {"name": "eth0"})
    guide3.start_agent().wait_for("Enforcing on eth0")  # failsafe ports let it reach its store
    await guide3.expect(guide3.network.web, HOST_PUBLIC, "tcp", 80, v4=True, v6=True)
