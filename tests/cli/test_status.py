from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from catflap.agent.document import encode
from catflap.agent.local_report import NAME

from .conftest import Run
from .fleets import document, endpoints, reports
from .written import given_store


def test_a_fleet_in_which_all_is_well(monkeypatch: pytest.MonkeyPatch, run: Run) -> None:
    given_store(monkeypatch, reports(web1=document(), web2=document()))
    status, stdout, stderr = run("status")
    assert (status, stderr) == (0, "")
    header, *rows, _, summary = stdout.splitlines()
    assert header == "HOST  STATE    ENFORCED  BEHIND  SINCE  ENDPOINTS  PROBLEM"
    assert [row.split()[:3] for row in rows] == [["web1", "in-sync", "7"], ["web2", "in-sync", "7"]]
    assert summary == "2 hosts: 2 in-sync; store revision 1"


def test_a_problem_is_an_exit_code(monkeypatch: pytest.MonkeyPatch, run: Run) -> None:
    given_store(monkeypatch, {**endpoints("web2"), **reports(web1=document(), odd=b"\x1b[31m")})
    status, stdout, _ = run("status")
    assert status == 1
    assert [row.split()[:2] for row in stdout.splitlines()[1:4]] == [
        ["web2", "missing"],
        ["odd", "unreadable"],
        ["web1", "in-sync"],
    ]
    assert run("status", "web1")[0] == 0
    assert run("status", "odd")[0] == 1


@pytest.mark.parametrize("form", ["json", "yaml"])
def test_for_programs(monkeypatch: pytest.MonkeyPatch, run: Run, form: str) -> None:
    given_store(monkeypatch, {**endpoints("web2"), **reports(web1=document(entries=1))})
    status, stdout, _ = run("status", "-o", form)
    found = yaml.safe_load(stdout)
    assert status == 1
    assert found["store"] == "etcd://memory"
    assert [(each["host"], each["state"]) for each in found["hosts"]] == [
        ("web2", "missing"),
        ("web1", "in-sync"),
    ]
    _, one, _ = run("status", "web1", "-o", form)
    assert yaml.safe_load(one) == found["hosts"][1]
    assert found["hosts"][1]["document"]["interfaces"][0]["ingress"]["listed"] == [
        "default/web",
        "default/ssh",
    ]


def test_one_host(monkeypatch: pytest.MonkeyPatch, run: Run) -> None:
    given_store(monkeypatch, reports(web1=document()))
    _, stdout, _ = run("status", "web1")
    assert stdout.startswith("web1: in-sync\n")
    assert "    ingress    default/web, default/ssh\n" in stdout
    status, _, stderr = run("status", "web9")
    assert status == 1
    assert stderr == (
        "catflap: etcd://memory: no host 'web9' reports or has host endpoints (there are: web1)\n"
    )


def test_waiting(monkeypatch: pytest.MonkeyPatch, run: Run) -> None:
    given_store(monkeypatch, {**endpoints("web3"), **reports(web1=document(), web2=document(entries=1))})
    status, stdout, stderr = run("status", "--wait", "7", "--timeout", "5")
    assert (status, stderr) == (0, "Warning: no live agent, and so not waited for: web3\n")
    assert stdout.startswith("all 2 hosts enforce revision 7 (")
    status, stdout, stderr = run("status", "--wait", "8", "--timeout", "0.05", "-o", "json")
    assert status == 1
    assert json.loads(stdout)["behind"] == [
        {"host": "web1", "reason": "revision 7, in-sync"},
        {"host": "web2", "reason": "revision 7, in-sync"},
    ]
    assert "not reached in 0.1 s: 0 of 2 hosts enforce revision 8; behind: web1 (revision 7" in stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--wait", "x"), "'x' is no revision: give a number, or 'latest'"),
        (("--wait", "0"), "'0' is no revision"),
        (("--wait", "-1"), "'-1' is no revision"),
        (("--wait", "7", "--timeout", "nan"), "'nan' is no number of seconds"),
        (("--wait", "7", "--timeout", "-1"), "'-1' is no number of seconds"),
        (("--timeout", "7"), "--timeout is only for --wait"),
        (("web1", "--wait", "7"), "--wait is about all hosts"),
        (("--wait", "7", "--watch"), "not allowed with"),
    ],
)
def test_usage(run: Run, arguments: tuple[str, ...], message: str) -> None:
    status, _, stderr = run("status", *arguments)
    assert status == 2
    assert message in stderr


def test_a_store_that_cannot_be_reached(run: Run) -> None:
    status, _, stderr = run("status", "--store", "etcd://127.0.0.1:9")
    assert status == 3
    assert "127.0.0.1:9" in stderr


def test_this_host_without_a_store(monkeypatch: pytest.MonkeyPatch, run: Run, tmp_path: Path) -> None:
    monkeypatch.setenv("CATFLAP_STATE_DIR", str(tmp_path))
    (tmp_path / NAME).write_bytes(encode(document(lifetime=10**9)))
    status, stdout, _ = run("status", "--local")
    assert status == 0
    assert stdout.splitlines()[1].split()[:2] == ["web1", "in-sync"]
    (tmp_path / "policy").mkdir()
    status, stdout, _ = run("status", "--store", f"dir:{tmp_path}/policy")
    assert status == 0
    assert stdout.splitlines()[1].split()[:2] == ["web1", "in-sync"]
