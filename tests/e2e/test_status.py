"""What agents report to a real etcd, and what ``catflap status`` makes of it."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from catflap.lab.agent import AgentProcess, catflap_command

from .documents import ROOT
from .fleet_hosts import FleetHosts, fleet_hosts

READY = "/calico/v1/Ready"
POLICY = "/calico/v1/policy/tier/default/policy"
OWN = "/calico/felix/v1/host"
ETH0 = {"name": "eth0", "labels": {"role": "web"}}
WEB = {
    "selector": "role == 'web'",
    "inbound_rules": [{"action": "allow", "protocol": "tcp", "dst_ports": [80]}],
    "outbound_rules": [{"action": "allow"}],
}


@pytest.fixture(params=[2, 3], ids=["api2", "api3"])
def fleet(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[FleetHosts]:
    with fleet_hosts(tmp_path, request.param) as made:
        made.put(READY, "true")
        yield made


@pytest.fixture
def fleet3(tmp_path: Path) -> Iterator[FleetHosts]:
    with fleet_hosts(tmp_path, 3) as made:
        made.put(READY, "true")
        yield made


def until(condition: Callable[[], bool], seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def begin(fleet: FleetHosts, *names: str) -> int:
    """Endpoints and agents of some hosts, and a policy that all of them enforce; returns its revision."""
    for name in names:
        fleet.put(f"/calico/v1/host/{name}/endpoint/eth0", ETH0)
        fleet.start_agent(name)
    revision = fleet.put(f"{POLICY}/web", WEB)
    done = fleet.catflap("status", "--wait", str(revision), "--timeout", "30")
    assert (done.returncode, done.stderr) == (0, "")
    return revision


def host(fleet: FleetHosts, name: str) -> dict[str, Any]:
    (found,) = (each for each in fleet.status()["hosts"] if each["host"] == name)
    return dict(found)


def test_a_fleet(fleet: FleetHosts) -> None:
    """What is enforced where, by which revision; who is missing; what is broken; and who is behind."""
    revision = begin(fleet, "web1", "web2")
    found = host(fleet, "web1")
    assert (found["state"], found["revision_enforced"], found["behind"]) == ("in-sync", revision, 0)
    (interface,) = found["document"]["interfaces"]
    assert (interface["interface"], interface["revision"]) == ("eth0", revision)
    assert interface["ingress"]["listed"] == ["default/web"]
    assert fleet.catflap("status").returncode == 0
    fleet.put("/calico/v1/host/web3/endpoint/eth0", ETH0)
    fleet.put(f"{OWN}/odd/catflap", "\x1b[31m")
    fleet.put(f"{POLICY}/broken", {"selector": "=="})
    done = fleet.catflap("status", "--wait", "latest", "--timeout", "2")
    assert done.returncode == 1
    assert "not waited for: web3" in done.stderr
    assert "odd (unreadable" in done.stderr
    fleet.delete(f"{OWN}/odd/catflap")
    assert fleet.catflap("status", "--wait", "latest", "--timeout", "30").returncode == 0
    done = fleet.catflap("status")
    assert done.returncode == 1
    assert done.stdout.splitlines()[1].split()[:2] == ["web3", "missing"]
    assert "1 stored object is invalid" in done.stdout
    assert "\n  /calico/v1/policy/tier/default/policy/broken: " in fleet.catflap("status", "web1").stdout


def test_the_table_of_the_documents(fleet3: FleetHosts) -> None:
    """What the documents show is what is printed, but for numbers and times."""
    begin(fleet3, "web1", "web2")
    fleet3.put("/calico/v1/host/web3/endpoint/eth0", ETH0)
    assert fleet3.catflap("status", "--wait", "latest", "--timeout", "30").returncode == 0
    fleet3.agents["web2"].send_signal(signal.SIGSTOP)
    fleet3.put(f"{POLICY}/more", WEB)
    until(lambda: host(fleet3, "web1")["behind"] == 0, 4)
    printed = _anonymous(fleet3.catflap("status").stdout)
    fleet3.agents["web2"].send_signal(signal.SIGCONT)
    for document in ("README.md", "docs/reference/status.md"):
        shown = (ROOT / document).read_text().partition("```text\nHOST ")[2].partition("```")[0]
        assert _anonymous(f"HOST {shown}") == printed, document


def _anonymous(text: str) -> str:
    """Without what is another one each time: numbers but for those of hosts, ages and blanks."""
    return re.sub(r" +", " ", re.sub(r"\b\d+[smh]?\b", "N", text))


def test_a_deletion_counts_for_the_latest(fleet: FleetHosts) -> None:
    begin(fleet, "web1")
    agent = fleet.agents["web1"]
    agent.send_signal(signal.SIGSTOP)
    fleet.delete(f"{POLICY}/web")
    assert fleet.catflap("status", "--wait", "latest", "--timeout", "1").returncode == 1
    agent.send_signal(signal.SIGCONT)
    assert fleet.catflap("status", "--wait", "latest", "--timeout", "30").returncode == 0
    assert "ingress" not in fleet.catflap("status", "web1").stdout


def test_a_dead_agent_is_missed(fleet: FleetHosts) -> None:
    begin(fleet, "web1", "web2")
    fleet.agents["web1"].kill()
    until(lambda: fleet.states() == {"web1": "missing", "web2": "in-sync"})
    assert f"{OWN}/web1/last_reported_status" in fleet.listing()
    assert f"{OWN}/web1/catflap" not in fleet.listing()
    assert "agent stopped reporting" in host(fleet, "web1")["problems"][0]
    fleet.agents["web2"].stop()  # in good order its keys go at once
    assert fleet.states() == {"web1": "missing", "web2": "missing"}


def test_the_old_keys_of_endpoints(fleet: FleetHosts) -> None:
    fleet.put(f"{OWN}/web1/endpoint/long-gone", {"status": "up"})
    fleet.put("/calico/v1/host/web1/endpoint/eth0", ETH0)
    fleet.put("/calico/v1/host/web1/endpoint/eth7", {"name": "eth7"})
    agent = fleet.start_agent(
        "web1", EndpointReportingEnabled="true", EndpointReportingDelaySecs="0", ReportingIntervalSecs="1"
    )
    until(lambda: f"{OWN}/web1/endpoint/eth7" in fleet.listing())
    until(lambda: "long-gone" not in fleet.listing())
    assert fleet.value(f"{OWN}/web1/endpoint/eth0") == {"status": "up"}
    assert fleet.value(f"{OWN}/web1/endpoint/eth7") == {"status": "down"}
    assert fleet.value(f"{OWN}/web1/status").keys() == {"time", "uptime", "first_update"}
    fleet.hosts["web1"].ip("link add eth7 type veth peer name other", "link set other up", "link set eth7 up")
    until(lambda: fleet.value(f"{OWN}/web1/endpoint/eth7") == {"status": "up"})
    fleet.delete("/calico/v1/host/web1/endpoint/eth7")
    until(lambda: "endpoint/eth7" not in fleet.listing())
    agent.stop()
    assert fleet.value(f"{OWN}/web1/endpoint/eth0") == {"status": "up"}


def test_a_store_that_is_away(fleet3: FleetHosts) -> None:
    """The command says so; this host's own agent still answers."""
    begin(fleet3, "web1")
    fleet3.server.freeze()
    assert fleet3.catflap("status").returncode == 3
    state = str(fleet3.directory / "web1")
    done = fleet3.catflap("status", "--local", "web1", CATFLAP_STATE_DIR=state)
    assert (done.returncode, done.stderr) == (0, "")
    assert "    ingress    default/web" in done.stdout
    fleet3.server.thaw()


def test_watching(fleet3: FleetHosts) -> None:
    """It follows the store: what changes is shown without being asked for."""

    begin(fleet3, "web1")
    watching = subprocess.Popen(
        [*fleet3.store.command_prefix, *catflap_command("status", "--watch", "--store", fleet3.url)],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert watching.stdout is not None
    try:
        for line in watching.stdout:
            if line.startswith("web1") and " in-sync " in line:
                break
        fleet3.put("/calico/v1/host/web2/endpoint/eth0", ETH0)
        for line in watching.stdout:
            if line.startswith("web2"):
                assert " missing " in line
                break
    finally:
        watching.kill()
        watching.communicate()


def test_another_firewall_that_drops_is_a_problem(fleet3: FleetHosts) -> None:
    fleet3.hosts["web1"].run("nft", "add table ip filter")
    fleet3.hosts["web1"].run(
        "nft", "add chain ip filter INPUT { type filter hook input priority 0; policy drop; }"
    )
    fleet3.hosts["web1"].run("nft", "add rule ip filter INPUT accept")
    begin(fleet3, "web1")
    until(lambda: bool(host(fleet3, "web1")["document"]["foreign"]["chains"]))
    done = fleet3.catflap("status")
    assert done.returncode == 1
    assert "ip filter INPUT" in done.stdout


def test_a_directory_has_its_report_in_a_file(fleet3: FleetHosts, tmp_path: Path) -> None:
    policy = tmp_path / "policy"
    policy.mkdir(mode=0o700)
    endpoint = {
        "apiVersion": "projectcalico.org/v3",
        "kind": "HostEndpoint",
        "metadata": {"name": "web1-eth0"},
        "spec": {"node": "web1", "interfaceName": "eth0"},
    }
    store = f"dir:{policy}"
    file = tmp_path / "endpoint.json"
    file.write_text(json.dumps(endpoint))
    done = fleet3.catflap("apply", "--store", store, "-f", str(file), "-o", "json")
    revision = json.loads(done.stdout)["revision"]
    state = {"CATFLAP_STATE_DIR": str(fleet3.directory / "web1")}
    fleet3.start_agent("web1", DatastoreType="directory", DatastorePath=str(policy))
    done = fleet3.catflap("status", "--store", store, "--wait", str(revision), "--timeout", "30", **state)
    assert (done.returncode, done.stderr) == (0, "")
    done = fleet3.catflap("status", "--store", store, **state)
    assert done.returncode == 0
    assert done.stdout.splitlines()[1].split()[:2] == ["web1", "in-sync"]
    fleet3.agents["web1"].stop()
    done = fleet3.catflap("status", "--store", store, **state)
    assert done.stdout.splitlines()[1].split()[:2] == ["web1", "missing"]


def test_agents_do_not_follow_each_others_reports(fleet3: FleetHosts) -> None:
    """Whatever they report, nobody enforces anything anew."""
    begin(fleet3, "web1", "web2")
    agent: AgentProcess = fleet3.agents["web2"]
    agent.mark()
    before = host(fleet3, "web2")["revision_enforced"]
    time.sleep(3)  # some heartbeats
    assert host(fleet3, "web2")["revision_enforced"] == before
    assert "Enforcing" not in agent.log()
