from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
import yaml
from tests.store.directory.documents_of import path, tier, value

from catflap.model import V3_ROOT
from catflap.store.api import StoreConflictError, StoreError
from catflap.store.directory.writer import write_changes

if TYPE_CHECKING:
    from pathlib import Path


def mode(file: Path) -> int:
    return file.stat().st_mode & 0o777


def test_a_new_object_gets_a_file_of_its_own(tmp_path: Path) -> None:
    root = tmp_path / "new/policy"
    write_changes(str(root), [(path("a"), value("a"))])
    assert yaml.safe_load((root / "tiers-a.yaml").read_text()) == json.loads(value("a"))
    assert [file.name for file in root.iterdir()] == ["tiers-a.yaml"]
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
    assert list(tmp_path.iterdir()) == []


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
    assert list(tmp_path.iterdir()) == []
