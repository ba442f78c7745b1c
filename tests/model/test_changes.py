from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from catflap.model import V1_ROOT, V3_ROOT
from catflap.model.changes import (
    CHANGE_PATH,
    JOURNAL_ROOT,
    ChangeHeader,
    read_change_header,
    write_change_header,
)

HEADER = ChangeHeader(
    id="a1", author="ada@admin1", started="2026-01-01T00:00:00Z", objects=300, steps=3, done=1
)


def test_a_header_is_plain_json() -> None:
    assert msgspec.json.decode(write_change_header(HEADER)) == {
        "id": "a1",
        "author": "ada@admin1",
        "started": "2026-01-01T00:00:00Z",
        "objects": 300,
        "steps": 3,
        "done": 1,
    }
    assert read_change_header(write_change_header(HEADER)) == HEADER


@pytest.mark.parametrize("value", [b"", b"{}", b"\xff", b"[" * 100_000, b'{"id": 1}', b"true"])
def test_what_is_no_header(value: bytes) -> None:
    assert read_change_header(value) is None


@given(st.binary())
def test_no_value_is_too_odd(value: bytes) -> None:
    assert read_change_header(value) is None


def test_agents_see_the_header_and_not_the_journal() -> None:
    assert CHANGE_PATH.startswith(V1_ROOT)
    assert not JOURNAL_ROOT.startswith((V1_ROOT, V3_ROOT))
