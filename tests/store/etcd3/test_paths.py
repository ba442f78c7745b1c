from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catflap.store import StoreError
from catflap.store.etcd3.paths import after_prefix, decode_path, encode_path


@pytest.mark.parametrize(
    ("path", "key"),
    [
        ("/calico/v1/a", b"/calico/v1/a"),
        ("/ä", "/ä".encode()),
        (r"/\xff", b"/\xff"),
        (r"/\xc3\xa9", rb"/\xc3\xa9"),  # these bytes would be shown as é, so it is a key with backslashes
        (r"/\x41", rb"/\x41"),
        ("", b""),
    ],
)
def test_a_path_stands_for_a_key(path: str, key: bytes) -> None:
    assert encode_path(path) == key


def test_bytes_that_are_no_text_are_shown_in_the_path() -> None:
    assert decode_path(b"/calico/v1/\xff/\xc3\xbc") == "/calico/v1/\\xff/ü"


@given(st.binary(max_size=20))
def test_the_key_of_a_path_is_one_that_is_shown_so(key: bytes) -> None:
    path = decode_path(key)
    assert decode_path(encode_path(path)) == path


@given(st.lists(st.sampled_from([b"/", b"a", b"\xff", b"\xc3\xa9", b"\x80"])))
def test_a_key_without_backslashes_is_the_one_that_is_written(parts: list[bytes]) -> None:
    key = b"".join(parts)
    assert encode_path(decode_path(key)) == key


def test_what_is_no_text_is_no_path() -> None:
    with pytest.raises(StoreError, match="cannot be a key: surrogates not allowed at position 1"):
        encode_path("/\ud800")


@pytest.mark.parametrize(
    ("prefix", "end"), [(b"/a/", b"/a0"), (b"/a\xff", b"/b"), (b"\xff\xff", b"\0"), (b"", b"\0")]
)
def test_the_end_of_a_prefix_is_the_first_key_behind_it(prefix: bytes, end: bytes) -> None:
    assert after_prefix(prefix) == end
