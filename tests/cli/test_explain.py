"""The verb: where packet and policy come from, what is printed, exit codes. What is explained is tested apart."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import pytest

from catflap import doctor, host
from catflap.cli import stores
from catflap.doctor import MemoryHost, ProgramError
from catflap.host import Interface, MemoryInterfaces
from catflap.store.memory import MemoryStore

from .conftest import Run, modules_after
from .worlds import DENY_ALL, allow, content, endpoint, policy, written

WEB = endpoint("web1-eth0", "web1", "eth0", "192.0.2.1")
DOCUMENTS = (WEB, policy("web", allow(80), DENY_ALL))
TO_80, TO_81 = (f"tcp 10.0.0.1:4242 > 192.0.2.1:{port}" for port in (80, 81))


@pytest.fixture
def files(tmp_path: Path) -> str:
    directory = tmp_path / "policy"
    directory.mkdir()
    return str(written(directory, *DOCUMENTS))


@pytest.mark.parametrize(("packet", "status", "verdict"), [(TO_80, 0, "ALLOW"), (TO_81, 1, "DENY")])
def test_the_verdict_is_the_exit_code(run: Run, files: str, packet: str, status: int, verdict: str) -> None:
    found, stdout, stderr = run("explain", files, packet)
    assert (found, stderr) == (status, "")
    assert stdout.startswith(f"{verdict}  {packet}\n")


def test_options_may_stand_before_the_packet(run: Run, files: str) -> None:
    arguments = ("--host", "web1", "--interface", "eth0", "--direction", "in", "--state", "established")
    status, stdout, _ = run("explain", files, *arguments, TO_81)
    assert (status, "ESTABLISHED" in stdout) == (0, True)


def test_a_forwarded_packet(run: Run, files: str) -> None:
    arguments = ("--interface", "eth0", "--out-interface", "eth1", "--direction", "forward")
    status, stdout, _ = run("explain", files, *arguments, "-o", "json", TO_81)
    data = json.loads(stdout)
    assert (status, data["reason"], len(data["endpoints"])) == (0, "NO_FORWARD_POLICY", 2)


def test_as_json(run: Run, files: str) -> None:
    status, stdout, _ = run("explain", files, "-o", "json", TO_81)
    data = json.loads(stdout)
    assert (status, data["verdict"], data["policy"], data["rule"]) == (1, "deny", "web", 1)


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ([], "which packet? 'catflap explain --help' shows"),
        (["tcp to web1"], "'tcp to web1' is not a packet: write, in quotes, 'tcp 10.0.0.1:4242 > "),
        (["tcp 10.0.0.1 > 10.0.0.2:80"], "which way?"),
    ],
)
def test_what_cannot_be_asked_is_a_usage_error(
    run: Run, files: str, arguments: list[str], reason: str
) -> None:
    status, stdout, stderr = run("explain", *([files] if arguments else []), *arguments)
    assert (status, stdout) == (2, "")
    assert stderr.startswith(f"catflap: {reason}")


def test_without_files_the_store_is_asked(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stores, "open_store", lambda *_: MemoryStore(content(*DOCUMENTS).entries))
    status, stdout, _ = run("explain", TO_80)
    assert (status, stdout.partition(" ")[0]) == (0, "ALLOW")


def test_a_store_that_cannot_be_reached(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    store = MemoryStore()
    store.disconnect("etcd is away")
    monkeypatch.setattr(stores, "open_store", lambda *_: store)
    status, stdout, stderr = run("explain", TO_80)
    assert (status, stdout) == (3, "")
    assert stderr.startswith("catflap: cannot read the store memory:: etcd is away")


def line(**fields: object) -> str:
    packet = {"host": "web1", "interface": "eth0", "direction": "in", "proto": "tcp", "src": "10.0.0.1"}
    return json.dumps({**packet, "sport": 1, "dst": "192.0.2.1", **fields}) + "\n"


def test_a_batch_answers_line_by_line(run: Run, files: str, tmp_path: Path) -> None:
    file = tmp_path / "packets.jsonl"
    file.write_text(line(id="a", dport=80) + line(id="b", dport=81))
    status, stdout, stderr = run("explain", files, "--batch", str(file))
    found = [json.loads(each) for each in stdout.splitlines()]
    assert (status, stderr) == (0, "")
    assert [(each["id"], each["verdict"], each["trace"]) for each in found] == [
        ("a", "allow", []),
        ("b", "deny", []),
    ]


def test_a_batch_from_standard_input_with_traces(
    run: Run, files: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(line(id="a", dport=80).encode())))
    status, stdout, _ = run("explain", files, "--batch", "-", "--trace")
    assert status == 0
    assert json.loads(stdout)["trace"]


def test_an_invalid_line_of_a_batch_is_told_in_the_end(run: Run, files: str, tmp_path: Path) -> None:
    file = tmp_path / "packets.jsonl"
    file.write_text("{}\n" + line(id="b", dport=81))
    status, stdout, stderr = run("explain", files, "--batch", str(file))
    assert ["error" in json.loads(each) for each in stdout.splitlines()] == [True, False]
    assert (status, stderr) == (1, "catflap: 1 lines could not be answered: see their field error\n")


def test_a_batch_that_is_missing(run: Run, files: str) -> None:
    assert run("explain", files, "--batch", "none.jsonl") == (
        2,
        "",
        "catflap: cannot read none.jsonl: No such file or directory\n",
    )


def test_a_batch_does_not_load_what_only_people_need(files: str, tmp_path: Path) -> None:
    file = tmp_path / "packets.jsonl"
    file.write_text(line(id="a", dport=80))
    arguments = ["explain", files, "--batch", str(file)]
    assert "rich" not in modules_after(f"from catflap.cli.main import main; main({arguments!r})")


@pytest.fixture
def live(monkeypatch: pytest.MonkeyPatch) -> None:
    interface = Interface(2, "eth0", addresses=frozenset({"192.0.2.1"}))
    monkeypatch.setattr(host, "LinkWatcher", lambda: MemoryInterfaces([interface]))
    monkeypatch.setenv("FELIX_FELIXHOSTNAME", "web1")


@pytest.mark.usefixtures("live")
def test_live_other_tables_are_named(run: Run, files: str, monkeypatch: pytest.MonkeyPatch) -> None:
    chain = {"family": "ip", "table": "filter", "name": "INPUT", "hook": "input", "policy": "drop"}
    programs = {
        "nft --json list chains": json.dumps({"nftables": [{"chain": chain}]}),
        "nft --terse list table ip filter": "table ip filter {\n\tchain INPUT {\n\t}\n}\n",
    }
    monkeypatch.setattr(doctor, "ThisHost", lambda: MemoryHost(programs))
    _, stdout, _ = run("explain", files, "--live", TO_80)
    assert "Base chains of other tables may drop it, too: ip filter INPUT (policy drop, 0 rules)." in stdout


@pytest.mark.usefixtures("live")
def test_live_that_other_tables_are_not_known_is_said(
    run: Run, files: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    refusal = ProgramError("nft: Operation not permitted")
    monkeypatch.setattr(doctor, "ThisHost", lambda: MemoryHost({"nft --json list chains": refusal}))
    _, stdout, _ = run("explain", files, "--live", TO_80)
    assert "Whether other tables drop it is not known: nft: Operation not permitted." in stdout


@pytest.mark.usefixtures("live")
def test_live_without_other_tables_nothing_is_said(
    run: Run, files: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    empty = MemoryHost({"nft --json list chains": '{"nftables": []}'})
    monkeypatch.setattr(doctor, "ThisHost", lambda: empty)
    _, stdout, _ = run("explain", files, "--live", TO_80)
    assert "other" not in stdout.partition("Notes")[2]
