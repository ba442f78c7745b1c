from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from catflap.agent import state_directory as module
from catflap.agent.state_directory import (
    DEFAULT_DIRECTORY,
    UntrustedFileError,
    read_trusted,
    state_directory,
    write_durably,
)

# Replaces a file, and is killed in the instant before or after a call of the kernel.
KILLED = """
import os, signal, sys
from pathlib import Path
from catflap.agent.state_directory import write_durably

when, number, path, content = sys.argv[1], int(sys.argv[2]), Path(sys.argv[3]), sys.argv[4].encode() * 100_000
count = 0

def killing(call):
    def wrapped(*arguments, **named):
        global count
        count += 1
        if count == number and when == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        result = call(*arguments, **named)
        if count == number and when == "after":
            os.kill(os.getpid(), signal.SIGKILL)
        return result
    return wrapped

for name in ("open", "fchmod", "fsync", "replace", "close"):
    setattr(os, name, killing(getattr(os, name)))
Path.replace = lambda self, target: os.replace(self, target)
write_durably(path, content)
print(count)
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "state" / "file"


def test_what_was_written_is_read_back_and_belongs_to_root_alone(file: Path) -> None:
    assert read_trusted(file) is None
    for content in (b"long content", b"short"):
        write_durably(file, content)
        assert read_trusted(file) == content
        assert file.stat().st_mode & 0o777 == 0o600
    assert file.parent.stat().st_mode & 0o777 == 0o700
    assert list(file.parent.iterdir()) == [file]


@pytest.mark.parametrize("target", ["file", "directory"])
def test_what_others_may_write_is_refused(file: Path, target: str) -> None:
    write_durably(file, b"x")
    (file if target == "file" else file.parent).chmod(0o777)
    with pytest.raises(UntrustedFileError, match="others could change it"):
        read_trusted(file)


def test_nothing_is_written_where_others_may_write(file: Path) -> None:
    file.parent.mkdir()
    file.parent.chmod(0o777)
    with pytest.raises(UntrustedFileError, match="run `chmod go-w"):
        write_durably(file, b"x")
    assert list(file.parent.iterdir()) == []


@pytest.mark.parametrize(
    ("make", "error"),
    [
        (lambda path: path.mkdir(), UntrustedFileError),
        (os.mkfifo, UntrustedFileError),
        (lambda path: path.symlink_to("/etc/passwd"), OSError),
    ],
    ids=["directory", "pipe", "link"],
)
def test_what_is_no_file_is_refused(file: Path, make: Callable[[Path], None], error: type[Exception]) -> None:
    file.parent.mkdir()
    make(file)
    with pytest.raises(error):
        read_trusted(file)


def test_a_failure_leaves_the_old_file_and_nothing_else(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_durably(file, b"old")

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        write_durably(file, b"new")
    assert read_trusted(file) == b"old"
    assert list(file.parent.iterdir()) == [file]


def write_and_be_killed(file: Path, when: str, number: int) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", KILLED, when, str(number), str(file), "new"]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("when", ["before", "after"])
def test_killed_at_any_step_it_leaves_the_old_content_or_the_new(file: Path, when: str) -> None:
    write_durably(file, b"old")
    steps = int(write_and_be_killed(file, when, 0).stdout)
    assert steps >= 6
    seen = []
    for number in range(1, steps + 1):
        write_durably(file, b"old")
        assert write_and_be_killed(file, when, number).returncode == -signal.SIGKILL
        seen.append(read_trusted(file))
    assert set(seen) == {b"old", b"new" * 100_000}
    assert seen == sorted(
        seen, key=lambda content: content != b"old"
    )  # never the old content again after the new one
    write_durably(file, b"next")
    assert list(file.parent.iterdir()) == [file]


@pytest.mark.parametrize(("shown", "default"), [("/", DEFAULT_DIRECTORY), ("/nowhere", None)])
def test_the_environment_names_the_directory_and_the_default_is_the_hosts(
    monkeypatch: pytest.MonkeyPatch, shown: str, default: Path | None
) -> None:
    monkeypatch.setattr(module, "_ON_HOST_ONLY", Path(shown))
    assert state_directory({}) == state_directory({"CATFLAP_STATE_DIR": ""}) == default
    assert state_directory({"CATFLAP_STATE_DIR": "/srv/state"}) == Path("/srv/state")
    assert state_directory({"CATFLAP_STATE_DIR": "relative"}) == Path.cwd() / "relative"
