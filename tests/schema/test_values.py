from __future__ import annotations

import re
from typing import Any

import jsonschema
import pytest

from catflap.schema import values as v


@pytest.mark.parametrize(
    ("schema", "good", "bad"),
    [
        (
            v.address(""),
            ["192.0.2.1", "2001:db8::1", "::ffff:192.0.2.1", "1:2:3:4:5:6:7::", ""],
            ["10.1", "x", "1:2"],
        ),
        (
            v.networks(""),
            [["192.0.2.0/24", "192.0.2.0/255.255.255.0", "::/0"]],
            [["192.0.2.0/33"], ["::/129"], [""]],
        ),
        (v.protocol(""), ["TCP", "tcp", "udpLite", 6, "6", 255], ["TCPP", 0, 256, 1.5]),
        (v.ports(""), [[80, "80", "8000:8080", "http"]], [[-1], [65536], [1.5], "80"]),
        (v.labels(""), [{"a/b": ""}], [{"a b": ""}, {"a": 1}]),
        (v.interface(""), ["eth0.5", "eth*", "*", ""], ["eth*0", "a name"]),
        (v.unsupported(""), [None, [], False, ""], [["x"], "x"]),
        (v.or_null(v.words("", ["a"])), ["a", None], ["b"]),
        (
            v.record("", {"a": v.flag(""), "b": v.flag("")}, ["a"]),
            [{"a": True, "b": None}],
            [{"a": None}, {"c": 1}],
        ),
    ],
)
def test_values(schema: Any, good: list[Any], bad: list[Any]) -> None:
    valid = jsonschema.Draft7Validator(schema).is_valid
    assert [each for each in good if not valid(each)] == []
    assert [each for each in bad if valid(each)] == []


def test_words_in_any_case() -> None:
    assert re.fullmatch(v.any_case("icmpv6"), "ICMPv6")
