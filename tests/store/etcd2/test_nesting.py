from __future__ import annotations

import json
import time

from hypothesis import given
from hypothesis import strategies as st

from catflap.store.etcd2.nesting import MAX_LEVELS, without_deep_parts


def answer(levels: int) -> bytes:
    """As etcd prints a tree with one key, so many levels below the one that is read."""
    start = "".join(f'{{"key":"{level} \\"]}}","nodes":[' for level in range(levels))
    return f'{{"node":{start}{{"key":"leaf"}}{"]}" * levels}}}'.encode()


def test_what_is_not_deep_stays_as_it_is() -> None:
    assert without_deep_parts(answer(MAX_LEVELS)) == answer(MAX_LEVELS)


def test_the_children_of_a_deep_node_are_left_out_and_nothing_else() -> None:
    for levels in (MAX_LEVELS + 1, 100_000):
        node = json.loads(without_deep_parts(answer(levels)))["node"]
        for _ in range(MAX_LEVELS):
            (node,) = node["nodes"]
        assert node == {"key": f'{MAX_LEVELS} "]}}', "nodes": None}


def test_a_neighbour_of_what_is_deep_stays() -> None:
    text = b"[" + answer(100) + b"," + answer(1) + b"," + answer(100) + b"]"
    assert json.loads(without_deep_parts(text))[1] == json.loads(answer(1))


values = st.recursive(
    st.none() | st.text() | st.integers(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)
)


@given(values)
def test_any_shallow_json_stays_as_it_is(value: object) -> None:
    text = json.dumps(value, ensure_ascii=False).encode()
    assert without_deep_parts(text) == text


@given(st.binary())
def test_what_is_no_json_does_no_harm(text: bytes) -> None:
    assert len(without_deep_parts(text)) <= len(text) + len(b"null")


def test_a_text_that_ends_within_a_string_costs_no_more_time() -> None:
    started = time.monotonic()
    without_deep_parts(b'"' + b'\\"' * 1_000_000)
    assert time.monotonic() - started < 5
