"""The fake and the real thing, held to the same sentences."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from catflap.doctor import Host, MemoryHost, Process, ProgramError, ProgramMissingError, ThisHost


@pytest.fixture(params=["memory", "real"])
def host(request: pytest.FixtureRequest, tmp_path: Path) -> Host:
    (tmp_path / "b").write_text("text of b")
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "c").write_text("")
    if request.param == "real":
        return ThisHost()
    programs: dict[str, str | ProgramError] = {"cat": "input", "false": ProgramError("false: exit status 1")}
    files = {f"{tmp_path}/b": "text of b", f"{tmp_path}/a/c": ""}
    return MemoryHost(programs, files, [Process(os.getpid(), (sys.executable, "test"))])


def test_a_program(host: Host) -> None:
    assert host.run("cat", stdin="input") == "input"


def test_a_program_that_fails(host: Host) -> None:
    with pytest.raises(ProgramError, match=r"^false: exit status 1$"):
        host.run("false")


def test_a_program_that_is_not_there(host: Host) -> None:
    with pytest.raises(ProgramMissingError, match=r"^the program no-such-program is not installed$"):
        host.run("no-such-program", "list")


def test_files(host: Host, tmp_path: Path) -> None:
    assert host.read(f"{tmp_path}/b") == "text of b"
    assert host.read(f"{tmp_path}/missing") is None
    assert host.read(f"{tmp_path}/a") is None


def test_directories(host: Host, tmp_path: Path) -> None:
    assert list(host.names(str(tmp_path))) == ["a", "b"]
    assert list(host.names(f"{tmp_path}/missing")) == []
    assert list(host.names(f"{tmp_path}/b")) == []


def test_processes(host: Host) -> None:
    assert os.getpid() in [each.pid for each in host.processes()]


def test_the_library(host: Host) -> None:
    assert host.library_failure() == ""


def test_the_fake_fails_where_a_command_was_not_foreseen() -> None:
    with pytest.raises(ProgramError, match=r"^nft: nft list ruleset failed$"):
        MemoryHost({"nft list chains": ""}).run("nft", "list", "ruleset")
