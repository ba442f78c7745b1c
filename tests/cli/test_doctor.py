"""The verb: options, exit codes, and that nothing is removed unasked. What is found is tested in tests/doctor."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from tests.doctor.recorded import UFW_CHAINS, host

from catflap import doctor
from catflap.doctor import MemoryHost, Process, ProgramError

from .conftest import Run

Use = Callable[[MemoryHost], None]

REMOVE = ("doctor", "--remove-leftovers")
SAVED = "*filter\n:INPUT DROP [0:0]\n:felix-INPUT - [0:0]\n-A INPUT -j felix-INPUT\nCOMMIT\n"
RESTORE, DESTROY = "iptables-nft-restore --noflush --wait 5", "ipset destroy felix-v4-x"


class LeftoverHost(MemoryHost):
    """Has leftovers until they are removed."""

    def run(self, *command: str, stdin: str = "") -> str:
        printed = super().run(*command, stdin=stdin)
        line = " ".join(command)
        if line == RESTORE:
            self.programs["iptables-nft-save"] = ""
        elif line == DESTROY:
            self.programs["ipset list -name"] = ""
        return printed


def leftover_host(**more: str | ProgramError) -> LeftoverHost:
    plain = host()
    programs = {"iptables-nft-save": SAVED, RESTORE: "", "ipset list -name": "felix-v4-x\n", DESTROY: ""}
    return LeftoverHost({**plain.programs, **programs, **more}, running=plain.running)


def changes(used: MemoryHost) -> list[str]:
    return [command for command, _ in used.ran if command in (RESTORE, DESTROY)]


@pytest.fixture
def on(monkeypatch: pytest.MonkeyPatch) -> Use:
    def use(used: MemoryHost) -> None:
        monkeypatch.setattr(doctor, "ThisHost", lambda: used)

    return use


def answer(monkeypatch: pytest.MonkeyPatch, text: str, *, terminal: bool) -> None:
    stdin = io.StringIO(text)
    monkeypatch.setattr(stdin, "isatty", lambda: terminal)
    monkeypatch.setattr(sys, "stdin", stdin)


def test_nothing_is_the_matter(run: Run, on: Use) -> None:
    on(host())
    status, stdout, stderr = run("doctor")
    assert (status, stderr) == (0, "")
    assert stdout.startswith("Nothing is the matter.\n")


def test_problems_are_an_exit_status(run: Run, on: Use) -> None:
    on(host(*UFW_CHAINS))
    status, stdout, _ = run("doctor")
    assert status == 1
    assert "problem  ip filter INPUT" in stdout


def test_warnings_are_none(run: Run, on: Use) -> None:
    on(host(running=()))
    assert run("doctor")[0] == 0


def test_a_kernel_that_cannot_be_read(run: Run, on: Use) -> None:
    on(
        MemoryHost(
            {"nft --json list chains": ProgramError("nft: Operation not permitted (you must be root)")}
        )
    )
    status, stdout, _ = run("doctor")
    assert status == 3
    assert "could not be looked at: nft: Operation not permitted" in stdout
    status, _, stderr = run(*REMOVE, "--yes")
    assert status == 3
    assert "you must be root" in stderr


@pytest.mark.parametrize(("form", "read"), [("json", json.loads), ("yaml", yaml.safe_load)])
def test_data(run: Run, on: Use, form: str, read: object) -> None:
    on(host(*UFW_CHAINS))
    status, stdout, _ = run("doctor", "-o", form)
    assert status == 1
    assert callable(read)
    data = read(stdout)
    assert data["findings"][0]["object"] == "ip filter INPUT"
    assert data["chains"][1]["effects"] == []


def test_yes_alone_is_a_mistake(run: Run, on: Use) -> None:
    on(host())
    assert run("doctor", "--yes")[0] == 2


def test_data_leave_no_room_for_a_question(run: Run, on: Use) -> None:
    used = leftover_host()
    on(used)
    assert run(*REMOVE, "-o", "json")[0] == 2
    assert changes(used) == []


def test_without_a_terminal_nothing_is_removed_unless_told(
    run: Run, on: Use, monkeypatch: pytest.MonkeyPatch
) -> None:
    used = leftover_host()
    on(used)
    answer(monkeypatch, "y\n", terminal=False)
    status, stdout, stderr = run(*REMOVE)
    assert status == 1
    assert "    -D INPUT -j felix-INPUT\n" in stdout
    assert "chain INPUT has the policy DROP" in stderr
    assert "nothing was removed: --yes removes without asking" in stderr
    assert changes(used) == []


@pytest.mark.parametrize("text", ["\n", "no\n", "", "yes please\n"])
def test_on_a_terminal_only_yes_is_yes(run: Run, on: Use, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    used = leftover_host()
    on(used)
    answer(monkeypatch, text, terminal=True)
    assert run(*REMOVE)[0] == 1
    assert changes(used) == []


def test_on_a_terminal_yes_removes(run: Run, on: Use, monkeypatch: pytest.MonkeyPatch) -> None:
    used = leftover_host()
    on(used)
    answer(monkeypatch, "y\n", terminal=True)
    status, stdout, _ = run(*REMOVE)
    assert status == 0
    assert stdout.endswith("2 steps done, nothing is left.\n")
    assert changes(used) == [RESTORE, DESTROY]


def test_scripts_remove_and_read_what_was_done(run: Run, on: Use) -> None:
    on(leftover_host())
    status, stdout, _ = run(*REMOVE, "--yes", "-o", "json")
    assert status == 0
    assert json.loads(stdout)["removed"][-1] == f"IP set felix-v4-x: {DESTROY}"


def test_no_leftovers(run: Run, on: Use) -> None:
    used = host()
    on(used)
    assert run(*REMOVE) == (0, "There are no leftovers.\n", "")


@pytest.mark.parametrize("command", ["calico-felix", "calico-node -felix"])
def test_nothing_is_removed_while_their_owner_is_at_work(run: Run, on: Use, command: str) -> None:
    used = leftover_host()
    used.running.append(Process(99, tuple(command.split())))
    on(used)
    status, _, stderr = run(*REMOVE, "--yes")
    assert status == 1
    assert "Calico's agent is at work (process 99)" in stderr
    assert changes(used) == []


def test_a_step_that_fails(run: Run, on: Use) -> None:
    on(leftover_host(**{RESTORE: ProgramError("iptables-nft-restore: line 3 failed")}))
    status, _, stderr = run(*REMOVE, "--yes")
    assert status == 1
    assert "iptables-nft, table filter could not be removed: iptables-nft-restore: line 3 failed" in stderr


def test_what_comes_back_is_told_of(run: Run, on: Use) -> None:
    plain = leftover_host()
    on(MemoryHost(plain.programs, running=plain.running))
    status, _, stderr = run(*REMOVE, "--yes")
    assert status == 1
    assert "something is left, or came back" in stderr


def test_that_the_host_is_open_afterwards_is_said(run: Run, on: Use) -> None:
    used = leftover_host(**{"nft --json list chains": '{"nftables": []}'})
    on(used)
    assert "Catflap polices nothing here yet" in run(*REMOVE, "--yes")[2]


def test_what_changes_from_felix_is_told_with_the_steps(run: Run, on: Use, tmp_path: Path) -> None:
    on(host())
    file = tmp_path / "felix.cfg"
    file.write_text(
        "[global]\nDatastoreType = directory\nDatastorePath = /nonexistent\nIpInIpEnabled = true\n"
    )
    status, stdout, stderr = run("doctor", "--from-felix", "-c", str(file))
    assert (status, stderr) == (0, "")  # warnings only
    assert "IpInIpEnabled" in stdout
    assert "  1. Put right what is called a problem" in stdout
    assert all(len(line) <= 100 for line in stdout.splitlines() if str(tmp_path) not in line)


def test_a_store_out_of_reach_is_a_finding(run: Run, on: Use) -> None:
    on(host())
    status, stdout, _ = run("doctor", "--from-felix", "--store", "etcd2://127.0.0.1:1", "-o", "json")
    assert status == 0
    assert [each["check"] for each in json.loads(stdout)["findings"]] == ["not-looked-at"]


def test_looking_and_removing_are_two_commands(run: Run, on: Use) -> None:
    on(host())
    assert run("doctor", "--from-felix", "--remove-leftovers")[0] == 2
