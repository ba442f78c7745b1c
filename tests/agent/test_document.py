from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from catflap.agent.document import (
    MAX_LISTED,
    MAX_SIZE,
    MAX_TEXT,
    MAX_TITLES,
    DocumentError,
    ForeignReport,
    HostDocument,
    InterfaceReport,
    InvalidReport,
    StoreReport,
    Titles,
    cut,
    decode,
    encode,
    lasting,
)

FULL = HostDocument(
    version="1",
    hostname="web1",
    revision_enforced=7,
    interfaces=(InterfaceReport(interface="eth0", ingress=Titles(listed=("default/web",), more=2)),),
    invalid=(InvalidReport(path="/calico/v1/x", reasons=("why",)),),
)


def test_it_is_read_as_it_was_written() -> None:
    assert decode(encode(FULL)) == FULL


def test_what_another_version_says_more_or_less_is_no_error() -> None:
    assert decode(b'{"version": "9", "something": {"new": []}}') == HostDocument(version="9")


@pytest.mark.parametrize(
    "value",
    [b"", b"\xff", b"\x1b[31m", b"null", b"[]", b'"x"', b'{"store": 3}', b'{"pid": "x"}', b"[" * 100_000],
)
def test_what_is_no_document_is_an_error_with_a_reason(value: bytes) -> None:
    with pytest.raises(DocumentError, match="no status document") as error:
        decode(value)
    assert len(str(error.value)) < 2 * MAX_TEXT


@given(st.binary())
def test_nothing_else_is_raised(value: bytes) -> None:
    with contextlib.suppress(DocumentError):
        decode(value)


def test_however_much_there_is_to_tell_the_document_stays_small() -> None:
    titles = Titles(listed=("é" * MAX_TEXT,) * MAX_TITLES)
    interfaces = (InterfaceReport(interface="eth0", ingress=titles, egress=titles),) * MAX_LISTED
    document = replace(FULL, interfaces=interfaces, interfaces_total=900, notices=("n" * 300,) * MAX_LISTED)
    encoded = encode(document)
    assert len(encoded) <= MAX_SIZE
    found = decode(encoded)
    assert 0 < len(found.interfaces) < MAX_LISTED
    assert found.interfaces_total == 900


def test_texts_are_cut_and_are_always_text() -> None:
    assert cut("x" * MAX_TEXT) == "x" * MAX_TEXT
    assert len(cut("x" * 1000)) == MAX_TEXT
    assert cut("a\udcffb") == "a?b"


def test_times_and_other_peoples_revisions_are_no_reason_to_report() -> None:
    later = replace(
        FULL,
        time="2026-01-01T00:00:00Z",
        store=StoreReport(seconds_since_alive=9.0, revision_seen=99),
        foreign=ForeignReport(looked_at="2026-01-01T00:00:00Z"),
    )
    assert lasting(later) == lasting(FULL)
    assert lasting(replace(FULL, revision_enforced=8)) != lasting(FULL)
    assert lasting(replace(FULL, store=StoreReport(state="stale"))) != lasting(FULL)
    assert lasting(replace(FULL, foreign=ForeignReport(total=1))) != lasting(FULL)
