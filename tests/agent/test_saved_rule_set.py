from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from catflap.agent.saved_rule_set import Origin, SavedRuleSet, SavedRuleSetError, decode, read, write

ORIGIN = Origin("1.2.3", "web1", ("cali", "tap"), 17, "2026-01-01T00:00:00Z")
TEXT = "table inet catflap {\n\tchain c {\n\t}\n}\n"
SAVED = SavedRuleSet(ORIGIN, TEXT)


def test_it_begins_with_comments_and_is_nft_text_otherwise() -> None:
    *head, body = SAVED.encode().decode().split("\n", 3)
    assert [line[:2] for line in head] == ["# "] * 3
    assert head[0].startswith("# Catflap rule set, format 1 ")
    assert '"hostname":"web1"' in head[2]
    assert body == TEXT


@given(host=st.text(), prefix=st.text(), revision=st.integers(0, 2**60), text=st.text())
def test_everything_is_read_back(host: str, prefix: str, revision: int, text: str) -> None:
    if any("\ud800" <= letter <= "\udfff" for letter in host + prefix + text):
        return
    saved = SavedRuleSet(Origin("1", host, (prefix,), revision, "now"), text)
    assert decode(saved.encode()) == saved


@given(place=st.integers(0, len(SAVED.encode()) - 1), bit=st.integers(0, 7))
def test_no_flipped_bit_changes_what_is_read(place: int, bit: int) -> None:
    content = bytearray(SAVED.encode())
    content[place] ^= 1 << bit
    with suppress(SavedRuleSetError):
        assert decode(bytes(content)) == SAVED  # in the words of the title for people


@given(length=st.integers(0, len(SAVED.encode()) - 1))
def test_what_was_cut_off_is_refused(length: int) -> None:
    with pytest.raises(SavedRuleSetError):
        decode(SAVED.encode()[:length])


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "does not begin as"),
        (b"table inet catflap {\n}\n", "does not begin as"),
        (SAVED.encode().replace(b"format 1 ", b"format 2 "), "has format 2, and this version knows format 1"),
        (SAVED.encode() + b"add table ip x\n", "not what its checksum says"),
        (SAVED.encode().replace(b"revision", b"Revision"), "not what its checksum says"),
    ],
)
def test_another_content_is_refused(tmp_path: Path, content: bytes, reason: str) -> None:
    file = tmp_path / "rule-set.nft"
    file.write_bytes(content)
    file.chmod(0o600)
    with pytest.raises(SavedRuleSetError, match=f"^{file} is damaged or not ours: .*{reason}"):
        read(file)


def test_a_file_of_others_is_not_trusted(tmp_path: Path) -> None:
    file = tmp_path / "rule-set.nft"
    file.write_bytes(SAVED.encode())
    file.chmod(0o666)
    with pytest.raises(SavedRuleSetError, match=f"^{file} is not trusted: others could change it"):
        read(file)


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    file = tmp_path / "rule-set.nft"
    file.symlink_to("elsewhere")
    with pytest.raises(SavedRuleSetError, match=f"^{file} cannot be read: "):
        read(file)


def test_only_another_rule_set_or_origin_is_written(tmp_path: Path) -> None:
    file = tmp_path / "rule-set.nft"
    assert read(file) is None
    assert write(file, SAVED)
    assert not write(file, replace(SAVED, origin=replace(ORIGIN, revision=18, saved="later")))
    assert read(file) == SAVED
    for other in (
        replace(SAVED, text=""),
        replace(SAVED, origin=replace(ORIGIN, hostname="web2")),
        replace(SAVED, origin=replace(ORIGIN, workload_prefixes=())),
        replace(SAVED, origin=replace(ORIGIN, version="1.2.4")),
    ):
        assert write(file, other)
        assert read(file) == other


def test_a_damaged_file_is_replaced(tmp_path: Path) -> None:
    file = tmp_path / "rule-set.nft"
    file.write_bytes(SAVED.encode()[:-1])
    assert write(file, SAVED)
    assert read(file) == SAVED
