"""``catflap explain`` and ``render`` as users type them: wrong policies, real stores, a live host, the reference."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from textwrap import dedent
from typing import Literal

import pytest

from catflap.lab.agent import catflap_command
from catflap.lab.etcd import EtcdServer
from catflap.lab.namespaces import Lab, Namespace
from catflap.lab.topology import Switch

from .documents import ROOT, drawn_lines, fenced_commands, transcript, without_blanks

DOCUMENT = "docs/reference/commands.md"
ENDPOINT = """
    apiVersion: projectcalico.org/v3
    kind: HostEndpoint
    metadata: {name: web1-eth0, labels: {role: webserver}}
    spec: {node: web1, interfaceName: eth0, expectedIPs: [192.0.2.1]}
"""


def policy(name: str, selector: str, order: int, rule: str) -> str:
    return f"""
    apiVersion: projectcalico.org/v3
    kind: GlobalNetworkPolicy
    metadata: {{name: {name}}}
    spec:
      selector: {selector}
      order: {order}
      types: [Ingress]
      ingress: [{rule}]
    """


WEB = "{action: Allow, protocol: TCP, destination: {ports: [80]}}"
OFFICE_SSH = "{action: Allow, protocol: TCP, source: {nets: [10.0.0.0/8]}, destination: {ports: [22]}}"
STRANGERS = "{action: Deny, source: {notNets: [10.0.0.0/8]}}"


def catflap(*arguments: str, **environment: str) -> tuple[int, str]:
    """Exit status and what was printed, of a command that has nothing to complain about."""
    done = subprocess.run(
        catflap_command(*arguments),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env={"PATH": os.environ["PATH"], **environment},
    )
    assert done.stderr == ""
    return done.returncode, done.stdout


def explained(tmp_path: Path, packet: str, *documents: str) -> str:
    """What is printed about a packet that is denied."""
    (tmp_path / "policy.yaml").write_text("\n---\n".join(map(dedent, documents)))
    status, stdout = catflap("explain", str(tmp_path), packet)
    assert status == 1
    assert stdout.startswith("DENY  ")
    assert all(len(line) <= 100 for line in stdout.splitlines())
    return stdout


def test_somebody_locked_out_sees_the_source_that_does_not_fit_and_the_failsafe_ports(tmp_path: Path) -> None:
    none = """
        apiVersion: projectcalico.org/v3
        kind: FelixConfiguration
        metadata: {name: default}
        spec: {failsafeInboundHostPorts: []}
    """
    text = explained(
        tmp_path, "tcp 203.0.113.9 > 192.0.2.1:22", ENDPOINT, none, policy("admin", "all()", 1, OFFICE_SSH)
    )
    assert "TIER_DEFAULT_DENY of tier default" in text
    assert "rule 0 (Allow): source 203.0.113.9 is not in 10.0.0.0/8 (nearly)" in text
    assert "FailsafeInboundHostPorts is none (configured for all hosts)." in text


def test_a_shadowed_rule_is_shown_with_the_rule_before_it(tmp_path: Path) -> None:
    text = explained(
        tmp_path,
        "tcp 203.0.113.9 > 192.0.2.1:80",
        ENDPOINT,
        policy("strangers", "all()", 1, STRANGERS),
        policy("web", "role == 'webserver'", 2, WEB),
    )
    assert "POLICY_DENY by default/strangers, Ingress rule 0" in text
    assert "default/web, Ingress rule 0 would allow it, but default/strangers, Ingress rule 0" in text


@pytest.mark.parametrize("wrong", ["role == 'webserer'", "rol == 'webserver'"])
def test_a_slip_in_a_label_is_shown_beside_what_the_labels_are(tmp_path: Path, wrong: str) -> None:
    text = explained(tmp_path, "tcp 203.0.113.9 > 192.0.2.1:80", ENDPOINT, policy("web", wrong, 1, WEB))
    assert "labels: role=webserver" in text
    assert "default/web, Ingress rule 0 would allow it" in text
    name, _, value = wrong.partition(" == ")
    reason = "there is no label rol" if name == "rol" else 'role is "webserver"'
    assert f"{name} == {value.replace(chr(39), chr(34))}: {reason}" in text


def test_a_slip_in_a_field_is_shown_with_its_file(tmp_path: Path) -> None:
    text = explained(
        tmp_path, "tcp 203.0.113.9 > 192.0.2.1:80", ENDPOINT, policy("web", "all()", 1, "{action: Alow}")
    )
    assert "GlobalNetworkPolicy web is invalid" in text.replace("\n", " ").replace("  ", "")
    assert "Did you mean 'Allow'?" in text


@pytest.mark.parametrize("api", [2, 3])
def test_the_guides_tree_in_etcd(api: Literal[2, 3]) -> None:
    objects = {
        "/calico/v1/Ready": True,
        "/calico/v1/host/web1/endpoint/eth0": {"name": "eth0", "expected_ipv4_addrs": ["192.0.2.1"]},
        "/calico/v1/policy/tier/default/policy/web": {
            "selector": "all()",
            "order": 1,
            "inbound_rules": [{"protocol": "tcp", "dst_ports": [80], "action": "allow"}],
            "outbound_rules": [],
        },
    }
    with EtcdServer() as server:
        for path, value in objects.items():
            server.etcdctl("put" if api == 3 else "set", path, json.dumps(value), api=api)
        url = f"{'etcd' if api == 3 else 'etcd2'}://{server.endpoint}"
        status, stdout = catflap("explain", "--store", url, "tcp 203.0.113.9 > 192.0.2.1:80")
        assert (status, "POLICY_ALLOW by default/web" in stdout) == (0, True)
        status, stdout = catflap("render", CATFLAP_STORE=url)
        assert (status, "# The rule set of host web1" in stdout) == (0, True)


@pytest.fixture
def host(lab: Lab) -> Namespace:
    made, switch = lab.add("host", "switch")
    Switch(switch, "cables").connect(made, "eth7", ["192.0.2.1/24"])
    return made


def test_live_it_is_the_interface_with_the_address_and_other_tables_are_named(
    tmp_path: Path, host: Namespace
) -> None:
    documents = ENDPOINT.replace("interfaceName: eth0, ", ""), policy("web", "all()", 1, WEB)
    (tmp_path / "policy.yaml").write_text("\n---\n".join(map(dedent, documents)))
    host.run(
        "nft", "add table ip other; add chain ip other in { type filter hook input priority 0; policy drop; }"
    )
    command = catflap_command("explain", str(tmp_path), "--live", "tcp 203.0.113.9 > 192.0.2.1:80")
    stdout = host.run("env", "FELIX_FELIXHOSTNAME=web1", *command)
    assert "in on eth7 of host web1" in stdout
    assert "eth7: host endpoint web1-eth0, which expects 192.0.2.1 there" in stdout
    assert "ip other in (policy drop, 0 rules)" in stdout


def test_what_is_rendered_is_accepted_by_nft(tmp_path: Path, host: Namespace) -> None:
    _, text = catflap(
        "render", str(ROOT / "examples/02-webserver"), "--assume-interfaces", "eth1=198.51.100.1"
    )
    file = tmp_path / "rules.nft"
    file.write_text(text)
    host.run("nft", "--check", "--file", str(file))
    assert '"eth1"' in text


COMMANDS = [
    command
    for command in fenced_commands(DOCUMENT)
    if "catflap explain" in command.text or "catflap render" in command.text
]


ANSWER = (
    '{"id":1,"verdict":"allow","reason":"FAILSAFE_ALLOW","tier":null,"policy":null,"rule":null,'
    '"stage":"input","direction":"Ingress","answered":false,"trace":[]}'
)


@pytest.fixture(scope="module")
def printed() -> str:
    """What the commands of the reference print, typed one after the other."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    script = "set -eo pipefail\n" + "\n".join(command.text for command in COMMANDS)
    done = subprocess.run(
        ["bash", "-c", script],
        cwd=ROOT,
        env={"PATH": path},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize(
    "first_line",
    [
        "ALLOW  tcp 203.0.113.9:49152 > 198.51.100.1:443",
        "DENY  tcp 192.0.2.7:4242 > 192.0.2.1:80",
        ANSWER,
    ],
)
def test_the_reference_shows_what_is_printed(printed: str, first_line: str) -> None:
    lines = printed.splitlines()
    positions = [lines.index(line) for line in transcript(DOCUMENT, first_line)]
    assert positions == sorted(positions)


def test_the_picture_is_real() -> None:
    status, stdout = catflap(
        "explain", str(ROOT / "examples/02-webserver"), "tcp 203.0.113.9 > web1-management:80"
    )
    assert status == 1
    assert drawn_lines("docs/explain.svg") == [
        line for line in map(without_blanks, stdout.splitlines()) if line
    ]
