from __future__ import annotations

import io
import sys
from pathlib import Path

import pytest

from catflap.cli.common import CommandError, Exit
from catflap.cli.policy_files import read_paths


def test_files_and_directories_are_read_by_name(tmp_path: Path) -> None:
    below = tmp_path / "policy" / "web"
    below.mkdir(parents=True)
    (below / "a.yaml").write_text("a")
    (below / "notes.txt").write_text("not policy")
    single = tmp_path / "single.txt"
    single.write_text("any name will do")
    found = read_paths([str(tmp_path / "policy"), str(single)])
    assert {name: reading.data for name, reading in found.items()} == {
        str(below / "a.yaml"): b"a",
        str(single): b"any name will do",
    }


def test_a_file_that_is_named_twice_is_read_once(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("a")
    assert list(read_paths([str(tmp_path), str(tmp_path / "a.yaml")])) == [str(tmp_path / "a.yaml")]


def test_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"kind: Tier")))
    assert read_paths(["-"])["<stdin>"].data == b"kind: Tier"


def test_a_file_that_cannot_be_read_says_why(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").symlink_to("/dev/null")
    assert read_paths([str(tmp_path)])[str(tmp_path / "a.yaml")].reason == "it is no regular file."


def test_a_directory_that_cannot_be_listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: str) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("catflap.cli.policy_files.scan", refuse)
    with pytest.raises(CommandError, match=r"cannot read the directory .*: Permission denied"):
        read_paths([str(tmp_path)])


def test_paths_that_are_nothing_are_usage_errors(tmp_path: Path) -> None:
    for path, reason in ((tmp_path / "no.yaml", "does not exist"), (tmp_path, "holds no policy file")):
        with pytest.raises(CommandError, match=reason) as error:
            read_paths([str(path)])
        assert error.value.code is Exit.USAGE
