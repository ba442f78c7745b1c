"""How the agent starts, or says why it cannot: configuration, store, privileges."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import pytest

from catflap.lab.agent import AgentProcess, catflap_command
from catflap.lab.namespaces import Lab
from catflap.lab.topology import HOST_MANAGEMENT

from .guide_host import HEP, READY, GuideHost

ETH0: Final = {"name": "eth0"}
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
    bare.file.write_text(f"[global]\n{name} = {value}\n")
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
    guide.put(f"{HEP}/eth0", ETH0)
    assert guide.start_agent(arguments=("--once",)).wait() == (0, "")
    await guide.expect(guide.network.mgmt, HOST_MANAGEMENT, "tcp", 80, v4=False, v6=False)
    await guide.expect(guide.network.mgmt, HOST_MANAGEMENT, "tcp", 22, v4=True, v6=True)


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
    assert guide.polices_nothing()


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
    assert guide3.polices_nothing()


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


async def test_after_somebody_elses_flush_a_new_start_or_a_change_enforces_again(
    guide3: GuideHost, agent3: AgentProcess
) -> None:
    guide3.enforced(agent3, lambda: guide3.put(f"{HEP}/eth0", {"name": "eth0"}))
    guide3.host.run("nft", "flush", "ruleset")
    guide3.enforced(agent3, lambda: guide3.put("/calico/v1/config/FailsafeInboundHostPorts", "23"))
    await guide3.expect(guide3.network.mgmt, HOST_MANAGEMENT, "tcp", 80, v4=False, v6=False)
    guide3.host.run("nft", "flush", "ruleset")
    agent3.stop()
    guide3.start_agent().wait_for("Enforcing on eth0")
    await guide3.expect(guide3.network.mgmt, HOST_MANAGEMENT, "tcp", 80, v4=False, v6=False)
