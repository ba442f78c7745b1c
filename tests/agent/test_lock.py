from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from catflap.agent.lock import AlreadyRunningError, LockError, acquire_lock


def test_the_lock_is_exclusive_and_names_its_holder(tmp_path: Path) -> None:
    with acquire_lock(tmp_path), pytest.raises(AlreadyRunningError, match=rf"process {os.getpid()}\)"):
        acquire_lock(tmp_path)


def test_the_lock_is_free_again_after_release(tmp_path: Path) -> None:
    acquire_lock(tmp_path).close()
    acquire_lock(tmp_path).close()


def test_a_process_that_ends_in_any_way_frees_the_lock(tmp_path: Path) -> None:
    program = (
        "import os, pathlib, sys; from catflap.agent.lock import acquire_lock;"
        "held = acquire_lock(pathlib.Path(sys.argv[1])); os.kill(os.getpid(), 9)"
    )
    subprocess.run([sys.executable, "-c", program, str(tmp_path)], check=False)
    (file,) = tmp_path.iterdir()
    assert file.read_text().strip().isdigit()
    acquire_lock(tmp_path).close()


def test_only_root_can_reach_the_lock(tmp_path: Path) -> None:
    directory = tmp_path / "catflap"
    acquire_lock(directory).close()
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700


def test_a_directory_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(LockError, match=r"cannot write .*file/catflap"):
        acquire_lock(tmp_path / "file" / "catflap")
