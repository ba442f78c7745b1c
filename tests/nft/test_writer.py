from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from catflap.nft.nfnetlink import Generation
from catflap.nft.writer import Writer, writer_of


def process(proc: Path, command: bytes, name: str = "nft", group: int = 41) -> None:
    (proc / "42").mkdir()
    (proc / "42" / "comm").write_text(f"{name}\n")
    (proc / "42" / "cmdline").write_bytes(command)
    (proc / "42" / "status").write_text(f"Name:\t{name}\nTgid:\t{group}\nPid:\t42\n")


def test_the_process_of_a_thread_and_its_command(tmp_path: Path) -> None:
    process(tmp_path, b"nft\0delete\0table\0inet catflap\0")
    found = writer_of(Generation(1, 42, "nft"), tmp_path)
    assert found == Writer(41, "nft", "nft delete table inet catflap")
    assert str(found) == "process 41 (nft delete table inet catflap)"


def test_this_very_thread() -> None:
    name = Path(f"/proc/{threading.get_native_id()}/comm").read_text(encoding="utf-8").strip()
    found = writer_of(Generation(1, threading.get_native_id(), name))
    assert found.process == os.getpid()
    assert found.command


def test_a_process_that_is_gone_keeps_its_name(tmp_path: Path) -> None:
    found = writer_of(Generation(1, 42, "nft"), tmp_path)
    assert str(found) == "process 42 (nft)"


def test_a_process_that_is_ending_has_no_command_line_any_more(tmp_path: Path) -> None:
    process(tmp_path, b"")
    assert str(writer_of(Generation(1, 42, "nft"), tmp_path)) == "process 41 (nft)"


def test_a_process_of_another_name_is_another_one(tmp_path: Path) -> None:
    process(tmp_path, b"sshd\0", name="sshd")
    assert writer_of(Generation(1, 42, "nft"), tmp_path) == Writer(42, "nft")


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        (b"nft\0a\nb\x1b[31m\0", "nft a?b?[31m"),
        (b"nft\0\xff\0", "nft \ufffd"),
        (b"x" * 300, "x" * 200 + "…"),
    ],
)
def test_a_command_line_is_fit_for_a_log(tmp_path: Path, command: bytes, expected: str) -> None:
    process(tmp_path, command)
    assert writer_of(Generation(1, 42, "nft"), tmp_path).command == expected
