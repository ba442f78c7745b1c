"""Cuts what is nested beyond reason out of a JSON text, without recursion. Pure.

etcd takes keys of thousands of levels and answers with JSON nested as deeply, which no parser reads. One such key
must not hide all others.
"""

from __future__ import annotations

import re

MAX_LEVELS = 32  # of keys below the one that is read; Catflap's own have up to nine
_DEEPEST = 2 * MAX_LEVELS + 2  # the answer is an object, each node is one, and its children are in an array
# A string may lack its end here, so that a text that was cut off costs no more time than a whole one.
_TOKEN = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?|[\[\]{}]', re.DOTALL)


def without_deep_parts(text: bytes) -> bytes:
    """The text with ``null`` in place of the children of each node that is `MAX_LEVELS` below the answer's own."""
    kept: list[bytes] = []
    depth = start = 0
    for token in _TOKEN.finditer(text):
        match token[0]:
            case b"[" | b"{":
                depth += 1
                if depth == _DEEPEST + 1:
                    kept += text[start : token.start()], b"null"
            case b"]" | b"}":
                if depth == _DEEPEST + 1:
                    start = token.end()
                depth -= 1
    if depth <= _DEEPEST:  # else the text ends within what is left out
        kept.append(text[start:])
    return b"".join(kept)
