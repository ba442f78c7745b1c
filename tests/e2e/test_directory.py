"""An agent on a directory store: what is done to files shows in packets, and no slip takes policy away."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from catflap.lab.agent import AgentProcess
from catflap.lab.guide import HOSTNAME, document
from catflap.lab.probes import Expectation, Probe, measure
from catflap.lab.stream import Stream
from catflap.lab.topology import HOST_MANAGEMENT

from .guide_host import GuideHost

ENDPOINT: Final = document("HostEndpoint", "management", node=HOSTNAME, interfaceName="eth0")
ETH1: Final = document("HostEndpoint", "public", node=HOSTNAME, interfaceName="eth1")
PORTS: Final = (80, 443)


def allow(port: int, protocol: str = "TCP") -> dict[str, Any]:
    rules = [{"action": "Allow", "protocol": protocol, "destination": {"ports": [port]}}]
    return document("GlobalNetworkPolicy", "services", order=1, types=["Ingress"], ingress=rules)


def save(path: Path, *documents: dict[str, Any]) -> None:
    """Write a file in place, as an editor may."""
    path.write_text(yaml.safe_dump_all(documents, sort_keys=False))


def move_in(path: Path, *documents: dict[str, Any]) -> None:
    """Put a finished file in its place, as configuration management does."""
    draft = path.parent.parent / f"{path.name}.draft"
    save(draft, *documents)
    draft.rename(path)


class Host:
    """The host of the guide with an agent on a directory, which need not exist."""

    def __init__(self, guide: GuideHost, directory: Path) -> None:
        self.guide = guide
        self.directory = directory
        store = guide.environment(DatastoreType="directory", DatastorePath=str(directory))
        self.agent: AgentProcess = guide.start_agent(store)

    def enforced(self, change: Callable[[], object]) -> None:
        """Change something and wait until the agent has enforced it."""
        self.agent.mark()
        change()
        self.agent.wait_for("Enforcing on")

    async def expect_open(self, *ports: int) -> None:
        """Assert which of the ports can be reached from the management network."""
        mgmt = self.guide.network.mgmt
        expectations = [
            Expectation(Probe(mgmt, address, "tcp", port), port in ports)
            for address in HOST_MANAGEMENT
            for port in PORTS
        ]
        measured = await measure(expectations, silence=0.2)
        assert [each for each in measured if not each.as_expected] == []


@pytest.fixture
def host(guide3: GuideHost, tmp_path: Path) -> Host:
    """An agent in sync with a directory that has an endpoint in one file and a policy in another."""
    directory = tmp_path / "policy"
    directory.mkdir()
    save(directory / "endpoint.yaml", ENDPOINT)
    save(directory / "services.yaml", allow(80))
    made = Host(guide3, directory)
    made.agent.wait_for("Enforcing on eth0")
    return made


async def test_files_can_be_edited_added_and_deleted(host: Host) -> None:
    services = host.directory / "services.yaml"
    await host.expect_open(80)
    host.enforced(lambda: save(services, allow(443)))
    await host.expect_open(443)
    host.enforced(services.unlink)
    await host.expect_open()
    host.enforced(lambda: save(host.directory / "more.yml", allow(80)))
    await host.expect_open(80)
    host.enforced((host.directory / "endpoint.yaml").unlink)
    await host.expect_open(80, 443)
    assert host.guide.polices_nothing()


async def test_a_renamed_file_changes_nothing(host: Host) -> None:
    before = host.guide.rule_set()
    host.agent.mark()
    (host.directory / "services.yaml").rename(host.directory / "renamed.yaml")
    await asyncio.sleep(0.3)
    assert host.agent.log() == ""
    assert host.guide.rule_set() == before


async def test_a_file_renamed_to_another_suffix_is_gone(host: Host) -> None:
    host.enforced(lambda: _rename(host.directory / "services.yaml", "services.off"))
    await host.expect_open()


def _rename(path: Path, name: str) -> None:
    path.rename(path.with_name(name))


async def test_one_file_can_hold_many_documents(host: Host) -> None:
    (host.directory / "services.yaml").unlink()
    both = host.directory / "endpoint.yaml"
    host.enforced(lambda: save(both, ENDPOINT, allow(443)))
    await host.expect_open(443)
    host.enforced(lambda: save(both, allow(443)))
    await host.expect_open(80, 443)


async def test_files_that_are_moved_in_replace_others_without_losing_a_packet(host: Host) -> None:
    services, mgmt = host.directory / "services.yaml", host.guide.network.mgmt
    host.enforced(lambda: save(services, allow(5001, "UDP")))
    with Stream(mgmt, host.guide.host, HOST_MANAGEMENT.v4, 5001, rate=2000) as stream:
        for number in range(10):  # another set of policies, and so other chains, each time
            extra = document("GlobalNetworkPolicy", f"extra-{number}", ingress=[{"action": "Deny"}])
            host.enforced(partial(move_in, services, allow(5001, "UDP"), extra))
            stream.wait_for(50)
    assert stream.result.missing == ()


async def test_a_file_is_not_believed_before_it_is_closed(host: Host) -> None:
    with (host.directory / "services.yaml").open("w") as file:
        text = yaml.safe_dump(allow(443))
        file.write(text[: len(text) // 2])
        file.flush()
        host.agent.mark()
        await asyncio.sleep(0.3)
        assert host.agent.log() == ""
        await host.expect_open(80)
        file.write(text[len(text) // 2 :])
    host.agent.wait_for("Enforcing on eth0")
    await host.expect_open(443)


async def test_a_broken_edit_is_reported_once_and_the_last_good_content_stays(host: Host) -> None:
    services = host.directory / "services.yaml"
    host.agent.mark()
    services.write_text("apiVersion: projectcalico.org/v3\nkind: [\n")
    host.agent.wait_for(
        rf"\[WARNING\].*{services}, keeping its last good content: .*not valid YAML: line 3, column 1: "
    )
    save(host.directory / "endpoint-1.yaml", ETH1)
    host.agent.wait_for("Enforcing on eth0, eth1")
    await host.expect_open(80)
    assert host.agent.log().count("not valid YAML") == 1
    host.enforced(lambda: save(services, allow(443)))
    await host.expect_open(443)


async def test_a_document_that_is_invalid_counts_as_missing(host: Host) -> None:
    wrong = document("GlobalNetworkPolicy", "services", selector="role ==")
    host.enforced(lambda: save(host.directory / "services.yaml", wrong))
    assert (
        len(re.findall(r"\[WARNING\].*GlobalNetworkPolicy services.*spec\.selector", host.agent.log())) == 1
    )
    await host.expect_open()


async def test_of_two_files_with_the_same_object_the_first_counts_and_both_are_named(host: Host) -> None:
    host.agent.mark()
    first, second = host.directory / "services.yaml", host.directory / "services2.yaml"
    save(second, allow(443))
    host.agent.wait_for(rf"\[WARNING\].*globalnetworkpolicies/services.*both in {first} and in {second}")
    await host.expect_open(80)
    host.enforced(first.unlink)
    await host.expect_open(443)


async def test_a_directory_that_is_missing_at_the_start_is_waited_for(
    guide3: GuideHost, tmp_path: Path
) -> None:
    host = Host(guide3, tmp_path / "not" / "yet")
    host.agent.wait_for(rf"in state wait-for-ready: .*cannot read the directory {host.directory}: No such")
    host.agent.mark()
    host.directory.mkdir(parents=True)
    host.agent.wait_for("in state wait-for-ready: .* holds no document")
    host.enforced(lambda: save(host.directory / "all.yaml", ENDPOINT, allow(80)))
    await host.expect_open(80)


async def test_a_directory_that_is_lost_loosens_nothing_and_may_come_back(host: Host) -> None:
    aside = host.directory.with_name("aside")
    host.agent.mark()
    host.directory.rename(aside)
    host.agent.wait_for(rf"\[WARNING\].*Connection to dir:{host.directory} lost.*what is enforced stays")
    await host.expect_open(80)
    save(aside / "services.yaml", allow(443))
    host.enforced(lambda: _rename(aside, host.directory.name))
    await host.expect_open(443)


async def test_an_emptied_directory_loosens_nothing(host: Host) -> None:
    files = list(host.directory.iterdir())
    host.agent.mark()
    for path in files:
        path.rename(path.with_suffix(".off"))
    host.agent.wait_for("status changed to wait-for-ready")
    await host.expect_open(80)
    for path in files:
        path.with_suffix(".off").rename(path)
    host.agent.wait_for("status changed to in-sync")
    await host.expect_open(80)


async def test_a_directory_of_cluster_information_only_means_no_policy_and_no_endpoints(host: Host) -> None:
    save(host.directory / "cluster.yaml", document("ClusterInformation", "default", datastoreReady=True))
    for name in ("endpoint.yaml", "services.yaml"):
        _rename(host.directory / name, f"{name}.off")
    host.agent.wait_for("Enforcing on no interface")
    await host.expect_open(80, 443)


async def test_cluster_information_can_hold_the_agent_back(host: Host) -> None:
    file, not_ready = (
        host.directory / "cluster.yaml",
        document("ClusterInformation", "default", datastoreReady=False),
    )
    host.agent.mark()
    save(file, not_ready)
    host.agent.wait_for("status changed to wait-for-ready")
    save(host.directory / "services.yaml", allow(443))
    await asyncio.sleep(0.3)
    await host.expect_open(80)
    host.enforced(file.unlink)
    await host.expect_open(443)
