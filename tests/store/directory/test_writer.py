from __future__ import annotations

import fcntl
import json
import os
import threading
from pathlib import Path

import pytest
import yaml
from tests.store.directory.documents_of import path, tier, value

from catflap.model import V3_ROOT
from catflap.store.api import ABSENT, StoreConflictError, StoreError, StoreUnavailableError
from catflap.store.directory.documents import version
from catflap.store.directory.strict_modes import StrictModes, UntrustedError
from catflap.store.directory.writer import LOCK_NAME, write_changes


def mode(file: Path) -> int:
    return file.stat().st_mode & 0o777


def files(root: Path) -> list[str]:
    """What a write leaves behind, but for its lock."""
    assert not (root / LOCK_NAME).exists() or mode(root / LOCK_NAME) == 0o600
    return sorted(file.name for file in root.iterdir() if file.name != LOCK_NAME)


def test_a_new_object_gets_a_file_of_its_own(tmp_path: Path) -> None:
    root = tmp_path / "new/policy"
    write_changes(str(root), [(path("a"), value("a"))])
    assert yaml.safe_load((root / "tiers-a.yaml").read_text()) == json.loads(value("a"))
    assert files(root) == ["tiers-a.yaml"]
    assert (mode(root), mode(root / "tiers-a.yaml")) == (0o755, 0o644)


def test_a_namespace_is_part_of_the_name(tmp_path: Path) -> None:
    document = {
        "apiVersion": "projectcalico.org/v3",
        "kind": "NetworkSet",
        "metadata": {"name": "s", "namespace": "n"},
    }
    write_changes(str(tmp_path), [(f"{V3_ROOT}networksets/n/s", json.dumps(document).encode())])
    assert (tmp_path / "networksets-n-s.yaml").exists()


@pytest.mark.parametrize("file", ["mine.yaml", "sub/mine.json"])
def test_an_object_is_changed_where_it_stands(tmp_path: Path, file: str) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / file).write_text(value("a").decode())
    write_changes(str(tmp_path), [(path("a"), value("a", 7))])
    assert yaml.safe_load((tmp_path / file).read_text())["spec"] == {"order": 7}
    assert not (tmp_path / "tiers-a.yaml").exists()
    assert file.endswith(".yaml") or json.loads((tmp_path / file).read_text())


def test_a_link_stays_one(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").write_text(tier("a"))
    root = tmp_path / "root"
    root.mkdir()
    (root / "a.yaml").symlink_to(tmp_path / "elsewhere")
    write_changes(str(root), [(path("a"), value("a", 7))])
    assert (root / "a.yaml").is_symlink()
    assert "order: 7" in (tmp_path / "elsewhere").read_text()


def test_a_deleted_object_takes_its_file_along(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(tier("a"))
    write_changes(str(tmp_path), [(path("a"), None), (path("missing"), None)])
    assert files(tmp_path) == []


@pytest.mark.parametrize("new", [value("a", 7), None])
def test_a_file_with_other_objects_is_not_touched(tmp_path: Path, new: bytes | None) -> None:
    text = f"{tier('a')}---\n{tier('b')}"
    (tmp_path / "both.yaml").write_text(text)
    with pytest.raises(
        StoreError, match=r"tiers/a stands in .*both\.yaml together with others: edit that file"
    ):
        write_changes(str(tmp_path), [(path("c"), value("c")), (path("a"), new)])
    assert (tmp_path / "both.yaml").read_text() == text
    assert not (tmp_path / "tiers-c.yaml").exists()


def test_a_file_with_a_document_that_nobody_understands_is_not_touched(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(f"{tier('a')}---\nkind: Strange\n")
    with pytest.raises(StoreError, match="together with others"):
        write_changes(str(tmp_path), [(path("a"), None)])


def test_an_object_in_two_files_is_not_touched(tmp_path: Path) -> None:
    for name in ("x.yaml", "y.yaml"):
        (tmp_path / name).write_text(tier("a"))
    with pytest.raises(StoreError, match=r"several places: .*x\.yaml, .*y\.yaml"):
        write_changes(str(tmp_path), [(path("a"), None)])


def test_nothing_is_created_while_a_file_cannot_be_used_that_may_hold_it(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(tier("a"))
    (tmp_path / "broken.yaml").write_text("kind: [")
    with pytest.raises(
        StoreError, match=r"cannot create .*/b: file .*broken\.yaml may hold it already, .*YAML"
    ):
        write_changes(str(tmp_path), [(path("b"), value("b"))])
    write_changes(str(tmp_path), [(path("a"), value("a", 7))])
    assert files(tmp_path) == ["a.yaml", "broken.yaml"]


def test_a_file_that_is_in_the_way_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "tiers-a.yaml").write_text("half [written")
    with pytest.raises(StoreConflictError, match=r"tiers-a\.yaml .* exists with another content"):
        write_changes(str(tmp_path), [(path("a"), value("a"))])


@pytest.mark.parametrize(
    ("where", "what", "reason"),
    [
        ("/calico/v1/Ready", b"true", "projectcalico.org/v3 objects only"),
        (path("a"), value("b"), "the document belongs to .*tiers/b"),
        (path("a"), b"{", "Expecting property name"),
        (path("a"), b"[1]", "cannot write"),
        (path("a"), b"\xff", "cannot write"),
    ],
)
def test_what_a_directory_cannot_hold_is_refused(
    tmp_path: Path, where: str, what: bytes, reason: str
) -> None:
    with pytest.raises(StoreError, match=reason):
        write_changes(str(tmp_path), [(where, what)])
    assert list(tmp_path.iterdir()) == []


def test_two_changes_of_one_file_are_refused(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"tiers-a\.yaml: make them one by one"):
        write_changes(str(tmp_path), [(path("a"), value("a")), (path("a"), value("a", 2))])


def test_a_directory_that_cannot_be_made_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match="cannot write to"):
        write_changes(str(tmp_path / "file/policy"), [(path("a"), value("a"))])


def test_nothing_is_left_behind_when_the_disk_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", fail)
    with pytest.raises(StoreError, match="No space left"):
        write_changes(str(tmp_path), [(path("a"), value("a"))])
    assert files(tmp_path) == []


def test_a_link_to_a_deleted_object_goes_and_its_target_stays(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").write_text(tier("a"))
    root = tmp_path / "root"
    root.mkdir()
    (root / "a.yaml").symlink_to(tmp_path / "elsewhere")
    write_changes(str(root), [(path("a"), None)])
    assert files(root) == []
    assert (tmp_path / "elsewhere").exists()


def test_a_dangling_link_in_the_way_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "tiers-a.yaml").symlink_to("missing")
    with pytest.raises(StoreConflictError, match="exists with another content") as caught:
        write_changes(str(tmp_path), [(path("a"), value("a"))])
    assert caught.value.paths == (path("a"),)


def test_expected_versions_are_checked_before_anything_is_written(tmp_path: Path) -> None:
    write_changes(str(tmp_path), [(path("a"), value("a"))], {path("a"): ABSENT})
    right = {path("a"): version(value("a")), path("b"): ABSENT}
    write_changes(str(tmp_path), [(path("b"), value("b"))], right)
    before = files(tmp_path)
    with pytest.raises(StoreConflictError, match=r"tiers/b: changed since it was read") as caught:
        write_changes(str(tmp_path), [(path("a"), None), (path("c"), value("c"))], right)
    assert caught.value.paths == (path("b"),)
    assert files(tmp_path) == before


def test_a_version_does_not_depend_on_how_a_file_is_written(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(f"# mine\n{tier('a')}")
    write_changes(str(tmp_path), [(path("a"), value("a", 7))], {path("a"): version(value("a"))})
    assert yaml.safe_load((tmp_path / "mine.yaml").read_text())["spec"] == {"order": 7}


def test_two_writers_do_not_mix(tmp_path: Path) -> None:
    with (tmp_path / LOCK_NAME).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        writer = threading.Thread(target=write_changes, args=(str(tmp_path), [(path("a"), value("a"))]))
        writer.start()
        writer.join(0.1)
        assert not (tmp_path / "tiers-a.yaml").exists()
    writer.join()
    assert (tmp_path / "tiers-a.yaml").exists()


def test_a_lock_is_not_waited_for_for_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("catflap.store.directory.writer.LOCK_PATIENCE", 0.05)
    with (tmp_path / LOCK_NAME).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(StoreUnavailableError, match=rf"somebody else .*fuser .*{LOCK_NAME}"):
            write_changes(str(tmp_path), [(path("a"), value("a"))])


def test_files_and_their_names_are_on_disk_in_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mine.yaml").write_text(tier("b"))
    steps: list[str] = []
    sync, replace = os.fsync, Path.replace

    def note_sync(descriptor: int) -> None:
        sync(descriptor)
        steps.append("directory" if os.path.isdir(f"/proc/self/fd/{descriptor}") else "file")  # noqa: PTH112 - a link

    def note_replace(self: Path, target: Path) -> Path:
        steps.append("rename")
        return replace(self, target)

    monkeypatch.setattr("os.fsync", note_sync)
    monkeypatch.setattr("pathlib.Path.replace", note_replace)
    write_changes(str(tmp_path), [(path("a"), value("a")), (path("b"), value("b", 2))])
    assert steps == ["file", "file", "rename", "rename", "directory"]


def test_a_directory_that_others_may_write_is_not_written(tmp_path: Path) -> None:
    root = tmp_path / "open"
    root.mkdir()
    root.chmod(0o777)
    with pytest.raises(UntrustedError, match=f"chmod go-w {root}"):
        write_changes(str(root), [(path("a"), value("a"))], modes=StrictModes())
    assert files(root) == []
