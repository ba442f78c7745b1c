r"""Between the store's paths, which are text, and etcd's keys, which are bytes.

A key that is no UTF-8 has a path as well, with ``\xNN`` for the bytes that are not: it can be read, shown and deleted,
and no write to such a path makes another key that looks the same.
"""

from __future__ import annotations

import re

from catflap.model import V1_ROOT
from catflap.store.api import StoreError

# What is followed: one contiguous range, so one watch. Trees that grow with what hosts report are outside of it.
RANGE_START = b"/calico/resources/v3/"
RANGE_END = V1_ROOT.encode()[:-1] + b"0"  # '0' follows '/': the end of everything below /calico/v1/

_ESCAPE = re.compile(rb"\\x([89a-f][0-9a-f])")  # what no UTF-8 text consists of


def decode_path(key: bytes) -> str:
    r"""The path of a key: UTF-8, and any other byte as ``\xNN``, so that no key can stop a follower."""
    return key.decode("utf-8", "backslashreplace")


def encode_path(path: str) -> bytes:
    """The key that `decode_path` shows as ``path``.

    Raises:
        StoreError: the path has lone surrogates, so it is no text.
    """
    try:
        key = path.encode()
    except UnicodeEncodeError as error:
        raise StoreError(f"{path!r} cannot be a key: {error.reason} at position {error.start}") from error
    unescaped = _ESCAPE.sub(lambda match: bytes.fromhex(match[1].decode()), key)
    return unescaped if decode_path(unescaped) == path else key


def after_prefix(prefix: bytes) -> bytes:
    """The first key behind all that begin with ``prefix``, as etcd wants the end of a range."""
    stem = prefix.rstrip(b"\xff")
    return stem[:-1] + bytes([stem[-1] + 1]) if stem else b"\0"  # which means: up to the last key
