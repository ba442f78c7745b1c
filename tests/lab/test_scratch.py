from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from catflap.lab import scratch
from catflap.lab.scratch import Scratch

MAKE_AND_WAIT = """
import sys
from pathlib import Path
from catflap.lab.scratch import Scratch
with Scratch(Path(sys.argv[1])) as directory:
    (directory / "data").write_text("of a lab")
    print(directory, flush=True)
    sys.stdin.read()
"""


def test_the_directory_is_private_and_goes_with_its_context(tmp_path: Path) -> None:
    with Scratch(tmp_path) as directory:
        assert directory.stat().st_mode & 0o777 == 0o700
        (directory / "file").write_text("something")
    assert not directory.exists()
    assert scratch.sweep(tmp_path) == []


def test_two_of_one_process_do_not_share_a_directory(tmp_path: Path) -> None:
    with Scratch(tmp_path) as one, Scratch(tmp_path) as other:
        assert [one.name, other.name] == [f"{os.getpid()}", f"{os.getpid()}.2"]


def test_what_a_killed_owner_left_is_removed_and_nothing_before(tmp_path: Path) -> None:
    command = [sys.executable, "-c", MAKE_AND_WAIT, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout is not None
        left = Path(owner.stdout.readline().strip())
        assert scratch.sweep(tmp_path) == []
        assert (left / "data").exists()
        owner.kill()
    assert scratch.sweep(tmp_path) == [str(left)]
    assert not left.exists()


def test_the_next_owner_sweeps(tmp_path: Path) -> None:
    left = tmp_path / "1"
    left.mkdir()
    (tmp_path / ".claims").mkdir()
    (tmp_path / ".claims" / "1").touch()
    with Scratch(tmp_path):
        assert not left.exists()


def test_where_nothing_was_ever_kept_there_is_nothing_to_sweep(tmp_path: Path) -> None:
    assert scratch.sweep(tmp_path / "missing") == []
