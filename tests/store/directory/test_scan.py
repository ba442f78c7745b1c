from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from catflap.store.directory.documents import MAX_FILE
from catflap.store.directory.scan import read, scan

if TYPE_CHECKING:
    from pathlib import Path


def test_files_of_all_levels_are_read(tmp_path: Path) -> None:
    (tmp_path / "sub/deep").mkdir(parents=True)
    for name in ("a.yaml", "sub/b.yml", "sub/deep/c.json", "d.txt", ".e.yaml"):
        (tmp_path / name).write_text(name)
    found = scan(str(tmp_path))
    assert {file: reading.data for file, reading in found.items()} == {
        str(tmp_path / name): name.encode() for name in ("a.yaml", "sub/b.yml", "sub/deep/c.json")
    }


def test_hidden_directories_are_left_out(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git/a.yaml").write_text("x")
    assert scan(str(tmp_path)) == {}


def test_links_are_followed_and_never_in_circles(tmp_path: Path) -> None:
    root, other = tmp_path / "root", tmp_path / "other"
    root.mkdir()
    other.mkdir()
    (other / "a.yaml").write_text("x")
    (root / "file.yaml").symlink_to(other / "a.yaml")
    (root / "directory").symlink_to(other)
    (root / "circle").symlink_to(root)
    visited: list[str] = []
    found = scan(str(root), visited.append)
    assert set(found) == {str(root / "file.yaml"), str(root / "directory/a.yaml")}
    assert {reading.real_path for reading in found.values()} == {str(other / "a.yaml")}
    assert set(visited) == {str(root), str(other)}


def test_a_file_that_is_to_be_left_alone_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("x")
    (reading,) = scan(str(tmp_path), leave_alone={str(tmp_path / "a.yaml")}).values()
    assert reading.data is None
    assert reading.reason is None


def test_a_root_that_is_missing_or_no_directory_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(FileNotFoundError):
        scan(str(tmp_path / "missing"))
    with pytest.raises(NotADirectoryError):
        scan(str(tmp_path / "file"))


def test_what_is_no_file_is_refused_without_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.yaml")
    (tmp_path / "dangling.yaml").symlink_to(tmp_path / "missing")
    reasons = {file: reading.reason or "" for file, reading in scan(str(tmp_path)).items()}
    assert "no regular file" in reasons[str(tmp_path / "pipe.yaml")]
    assert "No such file" in reasons[str(tmp_path / "dangling.yaml")]


def test_of_a_huge_file_only_so_much_is_read_that_it_shows(tmp_path: Path) -> None:
    with (tmp_path / "a.yaml").open("wb") as file:
        file.truncate(10 * MAX_FILE)
    data = read(str(tmp_path / "a.yaml"), "").data
    assert data is not None
    assert len(data) == MAX_FILE + 1
