"""Health and metrics tell what the kernel holds, looked at and not assumed."""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, Final

import pytest

from catflap.agent.health_server import health_socket
from catflap.agent.metric_table import METRICS
from catflap.lab.agent import AgentProcess, catflap_command
from catflap.lab.topology import MGMT

from .guide_host import HEP, POLICY, READY, GuideHost, guide_host

HEALTH_PORT, METRICS_PORT = 9099, 9091  # the defaults
OWNER: Final = """
from catflap.nft import LibNftables
nft = LibNftables()
nft.run("delete table inet catflap; add table inet catflap { flags owner; }")
print("owned", flush=True)
input()
"""
FETCH: Final = """
import sys, urllib.error, urllib.request
try:
    answer = urllib.request.urlopen(sys.argv[1], timeout=20)
except urllib.error.HTTPError as error:
    answer = error
sys.stdout.write(f"{answer.status} {answer.read().decode()}")
"""


def asked(guide: GuideHost, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = (*guide.host.command_prefix, *catflap_command("health", *arguments))
    return subprocess.run(command, capture_output=True, text=True, check=False)


class Healthy:
    """The host of the guide with an agent that serves everything there is."""

    def __init__(self, guide: GuideHost) -> None:
        self.guide = guide
        guide.put(READY, "true")
        guide.put(f"{POLICY}/web", {"selector": "all()", "inbound_rules": [{"action": "allow"}]})
        guide.put(f"{HEP}/eth0", {"name": "eth0"})
        environment = guide.environment(
            HealthEnabled="true", PrometheusMetricsEnabled="true", PolicyCounters="rule"
        )
        self.agent: AgentProcess = guide.start_agent(environment)
        self.agent.wait_for("Enforcing on eth0")
        self.agent.wait_for("Serving health on http://localhost:9099/")
        self.agent.wait_for("Serving metrics on")

    def http(self, path: str, port: int = HEALTH_PORT) -> tuple[int, str]:
        status, _, body = self.guide.host.run(
            sys.executable, "-c", FETCH, f"http://localhost:{port}{path}"
        ).partition(" ")
        return int(status), body

    def ready(self) -> dict[str, Any]:
        status, body = self.http("/readyz")
        document: dict[str, Any] = json.loads(body)
        assert document["ready"] == (status == 200)
        return document

    def command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return asked(self.guide, *arguments)

    def owner(self) -> subprocess.Popen[str]:
        """A program that makes the agent's table its own."""
        command = (*self.guide.host.command_prefix, sys.executable, "-c", OWNER)
        return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def metrics(self) -> dict[str, float]:
        _, text = self.http("/metrics", METRICS_PORT)
        lines = [line.rpartition(" ") for line in text.splitlines() if not line.startswith("#")]
        return {name: float(value) for name, _, value in lines}

    async def until(self, condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + 15
        while not condition():
            assert time.monotonic() < deadline, self.http("/readyz")
            await asyncio.sleep(0.05)


@pytest.fixture
async def healthy(tmp_path: Path) -> AsyncIterator[Healthy]:
    async with guide_host(tmp_path, 3) as made:
        yield Healthy(made)


async def test_ready_tells_of_damage_that_cannot_be_undone_and_of_its_end(healthy: Healthy) -> None:
    assert healthy.ready()["problems"] == []
    assert healthy.ready()["kernel_checked_seconds_ago"] < 5
    done = healthy.command()
    assert (done.returncode, done.stdout.splitlines()[0]) == (0, "ready")

    with healthy.owner() as owner:
        assert owner.stdout is not None
        owner.stdout.readline()
        await healthy.until(lambda: not healthy.ready()["ready"])
        (problem,) = healthy.ready()["problems"]
        assert "another program has made table inet catflap its own" in problem
        assert healthy.http("/healthz")[0] == 200
        done = healthy.command()
        assert (done.returncode, done.stdout.splitlines()[0]) == (1, "NOT READY")
        assert healthy.command("--alive").returncode == 0
        assert json.loads(healthy.command("-o", "json").stdout)["ready"] is False
        assert healthy.metrics()["catflap_ready"] == 0
        owner.send_signal(signal.SIGKILL)
    await healthy.until(lambda: bool(healthy.ready()["ready"]))
    assert healthy.command().returncode == 0


async def test_repairs_and_foreign_changes_are_counted_by_kind(healthy: Healthy) -> None:
    healthy.guide.host.run("nft", "flush", "chain", "inet", "catflap", "input")
    await healthy.until(lambda: healthy.metrics()['catflap_repairs_total{kind="chain_rules"}'] == 1)
    assert healthy.metrics()["catflap_foreign_changes_total"] == 1
    assert healthy.ready()["ready"] is True


async def test_every_metric_is_served_with_the_kernels_truth(healthy: Healthy) -> None:
    served = healthy.metrics()
    names = {name.partition("{")[0] for name in served}
    assert names == {name for metric in METRICS.values() for name in metric.served_names()}
    assert served["catflap_ready"] == 1
    assert served['catflap_passes_total{result="changed"}'] >= 1
    assert served["catflap_enforced_revision"] == healthy.guide.revision
    assert served["catflap_event_to_kernel_seconds_count"] >= 1
    listed = json.loads(healthy.guide.host.run("nft", "-j", "list", "table", "inet", "catflap"))["nftables"]
    assert served["catflap_chains"] == sum("chain" in item for item in listed)
    assert served["catflap_rules"] == sum("rule" in item for item in listed)
    assert served['catflap_sets{kind="set"}'] == sum("set" in item for item in listed)


async def test_the_store_going_away_leaves_the_agent_ready_with_a_remark(healthy: Healthy) -> None:
    healthy.guide.server.stop()
    await healthy.until(lambda: bool(healthy.ready()["remarks"]))
    document = healthy.ready()
    assert (document["ready"], document["store_state"]) == (True, "stale")
    assert "what is enforced stays" in document["remarks"][0]
    assert healthy.command().returncode == 0


async def test_an_agent_that_hangs_or_is_gone_is_told_by_the_command(healthy: Healthy) -> None:
    healthy.agent.send_signal(signal.SIGSTOP)
    done = healthy.command("--timeout", "0.5")
    healthy.agent.send_signal(signal.SIGCONT)
    assert done.returncode == 3
    assert "it hangs" in done.stderr
    healthy.agent.kill()
    done = healthy.command()
    assert done.returncode == 3
    assert "no agent runs in this network namespace" in done.stderr


async def test_an_agent_without_a_store_is_alive_and_not_ready(guide3: GuideHost) -> None:
    guide3.server.stop()
    agent = guide3.start_agent()
    agent.wait_for("wait-for-ready")
    done = asked(guide3, "-o", "json")
    document = json.loads(done.stdout)
    assert (done.returncode, document["alive"], document["ready"]) == (1, True, False)
    assert "this agent has enforced nothing yet: cannot read etcd://" in document["problems"][0]
    agent.stop()
    inode = guide3.host.run("stat", "-L", "-c", "%i", "/proc/self/ns/net").strip()
    assert not health_socket().with_name(f"health-{inode}.sock").exists()


async def test_packets_are_counted_by_what_decided_about_them(healthy: Healthy) -> None:
    def counted() -> float:
        labels = 'direction="egress",policy="default",reason="TIER_DEFAULT_DENY",rule=""'
        return healthy.metrics()[f"catflap_policy_packets_total{{{labels}}}"]

    before = counted()
    for _ in range(5):
        with (
            healthy.guide.host.socket(socket.AF_INET, socket.SOCK_DGRAM) as made,
            contextlib.suppress(OSError),
        ):
            made.sendto(b"x", (MGMT.v4, 4001))
    assert counted() == before + 5
