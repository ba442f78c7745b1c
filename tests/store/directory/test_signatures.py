from __future__ import annotations

import os
from typing import TYPE_CHECKING

from catflap.store.directory.signatures import TICK, Signatures
from catflap.store.directory.tree import Reading

if TYPE_CHECKING:
    from pathlib import Path

NAME = "/d/a.yaml"


def found(file: Path, text: str = "x") -> os.stat_result:
    file.write_text(text)
    return file.stat()


def later(status: os.stat_result, ticks: int = 1) -> int:
    return status.st_ctime_ns + ticks * TICK


def taken(status: os.stat_result) -> dict[str, Reading]:
    return {NAME: Reading("", data=b"x", status=status)}


def test_a_file_that_was_taken_is_known_until_its_status_changes(tmp_path: Path) -> None:
    signatures, status = Signatures(), found(tmp_path / "a")
    assert not signatures.unchanged(NAME, status)
    signatures.learn(taken(status), later(status))
    assert signatures.unchanged(NAME, status)
    assert not signatures.unchanged("/d/b.yaml", status)
    (tmp_path / "a").chmod(0o600)  # changes nothing but ctime
    assert not signatures.unchanged(NAME, (tmp_path / "a").stat())


def test_another_file_of_the_same_size_and_time_is_another_one(tmp_path: Path) -> None:
    signatures, status = Signatures(), found(tmp_path / "a")
    signatures.learn(taken(status), later(status))
    other = found(tmp_path / "b")
    os.utime(tmp_path / "b", ns=(status.st_mtime_ns, status.st_mtime_ns))
    assert not signatures.unchanged(NAME, other)


def test_a_file_that_changed_just_before_it_was_read_is_read_again(tmp_path: Path) -> None:
    signatures, status = Signatures(), found(tmp_path / "a")
    signatures.learn(taken(status), later(status) - 1)
    assert not signatures.unchanged(NAME, status)


def test_a_file_that_was_left_alone_stays_known(tmp_path: Path) -> None:
    signatures, status = Signatures(), found(tmp_path / "a")
    signatures.learn({NAME: Reading("")}, 0)
    assert not signatures.unchanged(NAME, status)
    signatures.learn(taken(status), later(status))
    signatures.learn({NAME: Reading("")}, 0)
    assert signatures.unchanged(NAME, status)


def test_what_was_not_taken_is_forgotten(tmp_path: Path) -> None:
    status = found(tmp_path / "a")
    for readings in ({}, {NAME: Reading("", reason="cannot read it.")}):
        signatures = Signatures()
        signatures.learn(taken(status), later(status))
        signatures.learn(readings, later(status))
        assert not signatures.unchanged(NAME, status)


def test_everything_can_be_forgotten(tmp_path: Path) -> None:
    signatures, status = Signatures(), found(tmp_path / "a")
    signatures.learn(taken(status), later(status))
    signatures.forget()
    assert not signatures.unchanged(NAME, status)
