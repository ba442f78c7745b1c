"""Every example, as it is, in a real agent, judged with real packets."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from catflap.lab.agent import AgentProcess
from catflap.lab.listeners import Listeners
from catflap.lab.namespaces import Lab
from catflap.lab.probes import Expectation, Probe, Transport, measure
from catflap.lab.topology import HOST_MANAGEMENT, HOST_PUBLIC, STORE, WEB, DualStack, GuideNetwork

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
NO_PACKETS: frozenset[int] = frozenset()
V4, BOTH = frozenset({4}), frozenset({4, 6})


class Question(NamedTuple):
    """A probe in both IP versions, and in which of them it should get through."""

    source: str
    to: DualStack
    protocol: Transport
    port: int
    passes: frozenset[int]


QUESTIONS = {
    "06-many-rules": [
        Question("mgmt", HOST_MANAGEMENT, "tcp", 22, BOTH),
        Question("mgmt", HOST_MANAGEMENT, "tcp", 80, BOTH),
        Question("mgmt", HOST_MANAGEMENT, "tcp", 5432, NO_PACKETS),
        Question("mgmt", HOST_MANAGEMENT, "udp", 161, V4),
        Question("mgmt", HOST_MANAGEMENT, "udp", 123, NO_PACKETS),
        Question("mgmt", HOST_MANAGEMENT, "icmp", 0, BOTH),
        Question("host", STORE, "tcp", 5432, BOTH),
    ],
    "01-failsafe-policy": [
        Question("mgmt", HOST_MANAGEMENT, "tcp", 22, BOTH),
        Question("mgmt", HOST_MANAGEMENT, "tcp", 80, NO_PACKETS),
        Question("mgmt", HOST_MANAGEMENT, "icmp", 0, BOTH),
        Question("host", STORE, "tcp", 2379, BOTH),  # IPv6: the failsafe ports
        Question("host", STORE, "tcp", 5432, NO_PACKETS),
        Question("web", HOST_PUBLIC, "tcp", 80, BOTH),  # eth1 has no endpoint
    ],
    "02-webserver": [
        Question("mgmt", HOST_MANAGEMENT, "tcp", 22, BOTH),
        Question("mgmt", HOST_MANAGEMENT, "tcp", 80, NO_PACKETS),
        Question("web", HOST_PUBLIC, "tcp", 80, BOTH),
        Question("web", HOST_PUBLIC, "tcp", 443, BOTH),
        Question("web", HOST_PUBLIC, "tcp", 8080, NO_PACKETS),
        Question("web", HOST_PUBLIC, "icmp", 0, BOTH),
        Question("host", WEB, "tcp", 443, BOTH),
        Question("host", STORE, "tcp", 5432, NO_PACKETS),
    ],
    "03-profiles": [
        Question("web", HOST_PUBLIC, "tcp", 80, BOTH),
        Question("web", HOST_PUBLIC, "tcp", 443, NO_PACKETS),
        Question("stranger", HOST_PUBLIC, "tcp", 80, BOTH - V4),  # blocked by its IPv4 address
        Question("host", WEB, "tcp", 443, BOTH),
        Question("mgmt", HOST_MANAGEMENT, "tcp", 80, BOTH),  # eth0 has no endpoint
    ],
    "04-policy-tests": [
        Question("stranger", HOST_PUBLIC, "tcp", 80, BOTH),
        Question("stranger", HOST_PUBLIC, "tcp", 8080, NO_PACKETS),
        Question("stranger", HOST_PUBLIC, "icmp", 0, NO_PACKETS),
        Question("host", WEB, "tcp", 5432, BOTH),  # which has the address of db1 here
        Question("host", WEB, "tcp", 443, NO_PACKETS),
    ],
    "05-router-fleet": [
        Question("web", HOST_PUBLIC, "tcp", 80, BOTH),
        Question("web", HOST_PUBLIC, "icmp", 0, BOTH),
        Question("web", STORE, "tcp", 443, BOTH),  # through the router
        Question("web", STORE, "icmp", 0, BOTH),
        Question("stranger", HOST_PUBLIC, "tcp", 80, NO_PACKETS),  # on the list
        Question("stranger", STORE, "tcp", 443, NO_PACKETS),
        Question("store", WEB, "tcp", 443, BOTH),  # nothing is said about what leaves
        Question("host", WEB, "tcp", 443, BOTH),  # the profile
        Question("mgmt", HOST_MANAGEMENT, "tcp", 8080, BOTH),  # eth0 has no endpoint
    ],
}


def directories() -> set[str]:
    return {path.name for path in EXAMPLES.iterdir() if path.is_dir()}


@pytest.fixture(scope="module")
def network() -> Iterator[GuideNetwork]:
    """One for all examples: each agent takes over what the one before left, as an upgrade does."""
    with Lab() as lab:
        made = GuideNetwork.build(lab)
        made.set_forwarding(enabled=True)
        yield made


def test_every_example_is_judged_and_listed() -> None:
    assert directories() == QUESTIONS.keys()
    listed = re.findall(r"^\| \[([^]]+)\]\(\1\) \|", (EXAMPLES / "README.md").read_text(), re.MULTILINE)
    assert listed == sorted(directories())


@pytest.mark.parametrize("example", sorted(QUESTIONS))
async def test_an_example_does_what_it_says(example: str, network: GuideNetwork, tmp_path: Path) -> None:
    roles = {"host": network.host, "mgmt": network.mgmt, "web": network.web, "stranger": network.stranger}
    roles["store"] = network.store
    log_file = tmp_path / "felix.log"
    # A copy is root's: where the checkout is somebody else's, the agent rightly refuses it.
    policy = shutil.copytree(EXAMPLES / example, tmp_path / example, copy_function=shutil.copyfile)
    arguments = ("--once", "--store", f"dir:{policy}")
    agent = AgentProcess(network.host, log_file, {"FELIX_FELIXHOSTNAME": "web1"}, arguments)
    agent.start()
    assert agent.wait() == (0, "")
    warnings = [line for line in agent.log().splitlines() if "[WARNING]" in line or "[ERROR]" in line]
    assert [
        line for line in warnings if "INTERFACES ARE OPEN until" not in line
    ] == []  # at a first start they are
    async with Listeners() as listeners:
        await listeners.listen(network.host, tcp=(22, 80, 443, 8080))
        await listeners.listen(network.store, tcp=(443, 2379, 5432))
        await listeners.listen(network.web, tcp=(443, 5432))
        measured = await measure(
            [
                Expectation(
                    Probe(roles[each.source], address, each.protocol, each.port), version in each.passes
                )
                for each in QUESTIONS[example]
                for version, address in ((4, each.to.v4), (6, each.to.v6))
            ]
        )
    assert [each for each in measured if not each.as_expected] == []
