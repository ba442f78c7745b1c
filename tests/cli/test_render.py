"""The verb. How policy becomes nft text is tested with the compiler."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from catflap import host
from catflap.cli.content import read_files
from catflap.cli.world import World
from catflap.host import Interface, MemoryInterfaces
from catflap.nft import compile_policy

from .conftest import Run
from .worlds import DENY_ALL, allow, document, endpoint, policy, written

WEB = endpoint("web1-eth0", "web1", "eth0", "192.0.2.1")
DATABASE = endpoint("db1-eth0", "db1", "eth0", "192.0.2.2")


def files(tmp_path: Path, *documents: object) -> str:
    return str(written(tmp_path, *documents))  # type: ignore[arg-type]  # documents, as tests write them


def test_it_is_what_the_agent_would_program(run: Run, tmp_path: Path) -> None:
    path = files(tmp_path, WEB, policy("web", allow(80), DENY_ALL))
    status, stdout, stderr = run("render", path)
    assert (status, stderr) == (0, "")
    header = (
        "# The rule set of host web1, by catflap render.\n"
        "# interfaces: 1, workloads: 0, policies: 1, profiles: 0, sets: 0\n"
    )
    enforced = World(read_files([tmp_path])).host("web1").policy()
    assert stdout == header + compile_policy(enforced).rule_set.text()
    assert 'comment "' in stdout


def test_counters_are_shown_on_demand(run: Run, tmp_path: Path) -> None:
    path = files(tmp_path, WEB, policy("web", allow(80), DENY_ALL))
    assert "counter" not in run("render", path)[1]
    by_policy, by_rule = (run("render", path, "--counters", word)[1] for word in ("policy", "rule"))
    assert by_policy.count("counter name policy-allow-ingress") == 1
    assert "counter name tier-default-deny-ingress" in by_policy
    assert re.search(r"counter name policy-deny-ingress-default/web-[0-9a-f]{16}-1 drop", by_rule)


def test_the_same_input_gives_the_same_text(tmp_path: Path) -> None:
    sets = [
        document("GlobalNetworkSet", f"s{n}", {"n": str(n % 3)}, nets=[f"10.{n}.0.0/16"]) for n in range(20)
    ]
    rule = {"action": "Allow", "source": {"selector": "has(n)"}, "destination": {"selector": "n == '1'"}}
    path = files(tmp_path, WEB, policy("web", rule), *sets)
    program = f"from catflap.cli.main import main; main(['render', {path!r}])"
    texts = {
        subprocess.run(
            [sys.executable, "-c", program], env={"PYTHONHASHSEED": seed}, capture_output=True, check=True
        ).stdout
        for seed in ("1", "2")
    }
    assert len(texts) == 1


def test_a_host_must_be_named_where_there_are_several(run: Run, tmp_path: Path) -> None:
    path = files(tmp_path, WEB, DATABASE)
    assert run("render", path) == (2, "", "catflap: which host? Name it with --host: db1, web1\n")
    status, stdout, _ = run("render", path, "--host", "db1")
    assert (status, "of host db1" in stdout) == (0, True)


def test_what_is_wrong_is_told_beside_the_text(run: Run, tmp_path: Path) -> None:
    path = files(
        tmp_path,
        WEB,
        endpoint("web1-public", "web1", None, "198.51.100.1"),
        policy("broken", {"action": "Alow"}),
        policy("lost", allow(80), tier="none"),
    )
    status, stdout, stderr = run("render", path)
    assert (status, stdout.count("198.51.100.1")) == (0, 0)
    problem, lost, public = stderr.splitlines()
    assert problem.startswith(f"catflap: {path}/all.yaml: GlobalNetworkPolicy broken is invalid")
    assert "none/lost" in lost
    assert "web1-public is left out" in public
    assert "--assume-interfaces NAME=198.51.100.1" in public


def test_interfaces_can_be_assumed(run: Run, tmp_path: Path) -> None:
    path = files(tmp_path, endpoint("web1-public", "web1", None, "198.51.100.1"))
    status, stdout, stderr = run("render", path, "--assume-interfaces", "eth7=198.51.100.1/24")
    assert (status, stderr) == (0, "")
    assert '"eth7"' in stdout


def test_an_interface_that_cannot_be_policed_is_told(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    interface = Interface(2, 'e"th', addresses=frozenset({"198.51.100.1"}))
    monkeypatch.setattr(host, "LinkWatcher", lambda: MemoryInterfaces([interface]))
    monkeypatch.setenv("FELIX_FELIXHOSTNAME", "web1")
    path = files(tmp_path, endpoint("web1-public", "web1", None, "198.51.100.1"))
    status, _, stderr = run("render", "--live", path)
    assert status == 0
    assert 'catflap: Interface e"th cannot be policed: ' in stderr


def test_without_endpoints_there_is_only_the_header(run: Run, tmp_path: Path) -> None:
    path = files(tmp_path, document("FelixConfiguration", "node.web1", interfacePrefix="none"))
    _, stdout, _ = run("render", path)
    assert all(line.startswith("#") for line in stdout.splitlines())
