from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from catflap.lab.processes import kill_inside, processes_inside

OWN = Path("/proc/self/ns/net")


def test_finds_the_processes_of_a_namespace_but_not_this_one() -> None:
    with subprocess.Popen(["sleep", "60"]) as child:
        found = processes_inside([OWN])
        child.kill()
    assert child.pid in found
    assert os.getpid() not in found


def test_a_file_that_is_no_namespace_has_no_processes(tmp_path: Path) -> None:
    plain = tmp_path / "plain"
    plain.touch()
    assert processes_inside([plain]) == []
    assert kill_inside([plain]) == []


def test_never_clears_the_namespace_that_it_is_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("signal.pidfd_send_signal", lambda *_: pytest.fail("a process was signalled"))
    with pytest.raises(ValueError, match="leave it first"):
        kill_inside([OWN])
