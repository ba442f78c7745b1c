from __future__ import annotations

import errno
import os
import stat
from typing import TYPE_CHECKING

import pytest

from catflap.store.directory.documents import MAX_FILE
from catflap.store.directory.scan import MAX_DEPTH, read, scan
from catflap.store.directory.strict_modes import StrictModes, UntrustedError

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
    hidden = root / "..data"
    hidden.mkdir(parents=True)
    other.mkdir()
    for directory in (hidden, other):
        (directory / "a.yaml").write_text("x")
    (root / "file.yaml").symlink_to(other / "a.yaml")
    (root / "directory").symlink_to("..data")
    (root / "circle").symlink_to(root)
    visited: list[str] = []
    found = scan(str(root), visited.append)
    assert {file: reading.real_path for file, reading in found.items()} == {
        str(root / "file.yaml"): str(other / "a.yaml"),
        str(root / "directory/a.yaml"): str(hidden / "a.yaml"),
    }
    assert set(visited) == {str(root), str(hidden), str(other)}


@pytest.mark.parametrize("target", ["/proc", "/", "..", "../root-2"])
def test_directories_elsewhere_are_not_walked(tmp_path: Path, target: str) -> None:
    root = tmp_path / "root"
    root.mkdir()
    (tmp_path / "root-2").mkdir()
    (root / "a.yaml").write_text("x")
    (root / "elsewhere").symlink_to(target)
    found = scan(str(root))
    assert set(found) == {str(root / "a.yaml"), str(root / "elsewhere")}
    assert f"outside of {root}" in (found[str(root / "elsewhere")].reason or "")


@pytest.mark.parametrize("name", ["link", "link.yaml"])
@pytest.mark.parametrize(
    ("target", "reason"),
    [("{name}", "symbolic links"), ("/etc/passwd/x", "Not a directory"), ("y" * 255 + "z", "too long")],
    ids=["loop", "below a file", "long"],
)
def test_a_link_that_leads_nowhere_hides_nothing_else(
    tmp_path: Path, name: str, target: str, reason: str
) -> None:
    (tmp_path / name).symlink_to(target.format(name=name))
    (tmp_path / "m.yaml").write_text("x")
    found = scan(str(tmp_path))
    assert found[str(tmp_path / "m.yaml")].data == b"x"
    assert reason in (found[str(tmp_path / name)].reason or "")


def test_a_directory_that_cannot_be_visited_hides_nothing_else(tmp_path: Path) -> None:
    def visit(directory: str) -> None:
        if directory == str(tmp_path / "sub"):
            raise OSError(errno.EIO, "Input/output error")

    (tmp_path / "sub").mkdir()
    (tmp_path / "a.yaml").write_text("x")
    found = scan(str(tmp_path), visit)
    assert "Input/output error" in (found[str(tmp_path / "sub")].reason or "")
    assert found[str(tmp_path / "a.yaml")].data == b"x"


def test_a_shortage_is_no_fault_of_one_entry(tmp_path: Path) -> None:
    def visit(directory: str) -> None:
        if directory == str(tmp_path / "sub"):
            raise OSError(errno.ENOSPC, "No space left on device")

    (tmp_path / "sub").mkdir()
    with pytest.raises(OSError, match="No space"):
        scan(str(tmp_path), visit)


def test_directories_are_read_so_deep_only(tmp_path: Path) -> None:
    deepest = tmp_path / "/".join("d" * MAX_DEPTH)
    (deepest / "d").mkdir(parents=True)
    for directory in (deepest, deepest / "d"):
        (directory / "a.yaml").write_text("x")
    found = scan(str(tmp_path))
    assert set(found) == {str(deepest / "a.yaml"), str(deepest / "d")}
    assert f"{MAX_DEPTH} levels" in (found[str(deepest / "d")].reason or "")


def test_only_so_many_directories_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("catflap.store.directory.scan.MAX_DIRECTORIES", 3)
    for name in "abc":
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.yaml").write_text("x")
    found = scan(str(tmp_path))
    assert set(found) == {str(tmp_path / "a/a.yaml"), str(tmp_path / "b/a.yaml"), str(tmp_path / "c")}
    assert "only 3 directories" in (found[str(tmp_path / "c")].reason or "")


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
    (tmp_path / "dangling.yaml").symlink_to(tmp_path / "missing/deep")
    reasons = {file: reading.reason or "" for file, reading in scan(str(tmp_path)).items()}
    assert "no regular file" in reasons[str(tmp_path / "pipe.yaml")]
    assert "No such file" in reasons[str(tmp_path / "dangling.yaml")]


def test_a_device_is_not_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def open_nothing(path: str, *_arguments: object) -> int:
        raise AssertionError(f"{path} was opened")

    (tmp_path / "a.yaml").symlink_to("/dev/full")
    monkeypatch.setattr("os.open", open_nothing)
    (reading,) = scan(str(tmp_path)).values()
    assert reading.reason == "it is no regular file."


def test_a_directory_with_the_name_of_a_file_is_no_part_of_the_tree(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").mkdir()
    (tmp_path / "a.yaml/b.yaml").write_text("x")
    readings = scan(str(tmp_path))
    assert set(readings) == {str(tmp_path / "a.yaml")}
    assert "with the name of a file" in (readings[str(tmp_path / "a.yaml")].reason or "")


def test_a_file_that_fails_when_it_is_read_hides_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").symlink_to("/proc/self/mem")
    (tmp_path / "b.yaml").write_text("x")
    readings = scan(str(tmp_path))
    assert "cannot read the file: Input/output error" in (readings[str(tmp_path / "a.yaml")].reason or "")
    assert readings[str(tmp_path / "b.yaml")].data == b"x"


def test_a_file_that_goes_while_it_is_read_is_just_gone(tmp_path: Path) -> None:
    def remove(path: str, _status: os.stat_result) -> bool:
        os.unlink(path)  # noqa: PTH108 - it is given as text
        return False

    (tmp_path / "a.yaml").write_text("x")
    assert scan(str(tmp_path), unchanged=remove) == {}


def test_a_shortage_of_open_files_is_no_fault_of_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_arguments: object) -> int:
        raise OSError(errno.EMFILE, "Too many open files")

    (tmp_path / "a.yaml").write_text("x")
    monkeypatch.setattr("os.open", refuse)
    with pytest.raises(OSError, match="Too many open files"):
        scan(str(tmp_path))


def test_a_file_that_has_not_changed_is_not_read(tmp_path: Path) -> None:
    for name in ("a.yaml", "b.yaml"):
        (tmp_path / name).write_text("x")
    found = scan(str(tmp_path), unchanged=lambda path, _status: path.endswith("a.yaml"))
    assert found[str(tmp_path / "a.yaml")].left_alone
    read_at = found[str(tmp_path / "b.yaml")]
    assert read_at.data == b"x"
    assert read_at.status is not None
    assert read_at.status.st_ino == (tmp_path / "b.yaml").stat().st_ino


@pytest.mark.parametrize("opened", ["", "sub", "..data", "elsewhere"])
def test_what_others_may_write_is_not_read(tmp_path: Path, opened: str) -> None:
    root, elsewhere = tmp_path / "root", tmp_path / "elsewhere"
    for directory in (root / "sub", root / "..data", elsewhere):
        directory.mkdir(parents=True)
        (directory / "x.yaml").write_text("x")
    (root / "linked").symlink_to("..data")
    (root / "one.yaml").symlink_to("../elsewhere/x.yaml")
    (root / "two.yaml").symlink_to("..data/x.yaml")
    assert all(reading.data == b"x" for reading in scan(str(root), modes=StrictModes()).values())
    target = elsewhere if opened == "elsewhere" else root / opened
    target.chmod(0o777)
    if not opened:
        with pytest.raises(UntrustedError, match=f"chmod go-w {root}`"):
            scan(str(root), modes=StrictModes())
        return
    refused = {
        os.path.relpath(path, root): reading.reason
        for path, reading in scan(str(root), modes=StrictModes()).items()
        if reading.data is None
    }
    expected = {"sub": {"sub"}, "..data": {"linked", "two.yaml"}, "elsewhere": {"one.yaml"}}[opened]
    assert set(refused) == expected
    assert all(f"chmod go-w {target}`" in (reason or "") for reason in refused.values())


def test_a_file_that_others_may_write_is_refused_alone(tmp_path: Path) -> None:
    for name in ("a.yaml", "b.yaml", "target"):
        (tmp_path / name).write_text("x")
    (tmp_path / "c.yaml").symlink_to("target")
    for name in ("a.yaml", "target"):
        (tmp_path / name).chmod(0o646)
    reasons = {path: reading.reason for path, reading in scan(str(tmp_path), modes=StrictModes()).items()}
    assert "-rw-r--rw-" in (reasons[str(tmp_path / "a.yaml")] or "")
    assert reasons[str(tmp_path / "b.yaml")] is None
    assert f"chmod go-w {tmp_path}/target`" in (reasons[str(tmp_path / "c.yaml")] or "")


@pytest.mark.parametrize("mode", [0o777, 0o1777])
def test_the_way_to_the_root_counts(tmp_path: Path, mode: int) -> None:
    root = tmp_path / "above/root"
    root.mkdir(parents=True)
    root.parent.chmod(mode)
    if mode & stat.S_ISVTX:
        assert scan(str(root), modes=StrictModes()) == {}
    else:
        with pytest.raises(UntrustedError, match=f"chmod go-w {root.parent}`"):
            scan(str(root), modes=StrictModes())


def test_of_a_huge_file_only_so_much_is_read_that_it_shows(tmp_path: Path) -> None:
    with (tmp_path / "a.yaml").open("wb") as file:
        file.truncate(10 * MAX_FILE)
    data = read(str(tmp_path / "a.yaml"), "").data
    assert data is not None
    assert len(data) == MAX_FILE + 1
