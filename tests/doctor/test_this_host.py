"""What the fake cannot have; the rest is in test_memory.py."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from catflap.doctor import ProgramError, ThisHost, this_host
from catflap.nft.port import NftError


def test_a_program_that_hangs() -> None:
    with pytest.raises(ProgramError, match=r"did not end within 0\.05 s"):
        ThisHost(time_limit=0.05).run("sleep", "60")


def test_a_program_that_crashes() -> None:
    crash = "import os; os.kill(os.getpid(), 11)"
    with pytest.raises(ProgramError, match="ended by signal 11"):
        ThisHost().run(sys.executable, "-c", crash)


def test_a_program_that_may_not_be_started() -> None:
    with pytest.raises(ProgramError, match="cannot be started: Permission denied"):
        ThisHost().run("/proc/self/mem")


def test_what_a_program_says_of_its_failure() -> None:
    with pytest.raises(ProgramError, match=r"^ls: .*No such file"):
        ThisHost().run("ls", "/no/such/directory")


def test_bytes_that_are_no_text() -> None:
    assert ThisHost().run("printf", r"a\377b") == "a\ufffdb"


def test_processes_that_end_meanwhile(monkeypatch: pytest.MonkeyPatch) -> None:
    ended = subprocess.Popen(["true"])
    ended.wait()
    monkeypatch.setattr(this_host, "_namespace", lambda _: "net:[1]")
    monkeypatch.setattr(os, "listdir", lambda _: [str(ended.pid), "self"])
    assert ThisHost().processes() == []


def test_why_the_library_cannot_be_used(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> None:
        raise NftError("no netfilter sockets")

    monkeypatch.setattr(this_host, "LibNftables", refuse)
    assert ThisHost().library_failure() == "no netfilter sockets"
