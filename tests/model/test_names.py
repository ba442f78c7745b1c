"""Which names are allowed."""

from __future__ import annotations

import pytest

from catflap.model.names import (
    is_identifier,
    is_interface_name,
    is_interface_pattern,
    is_label_name,
    is_port_name,
    suggestion,
)


@pytest.mark.parametrize("name", ["a", "A-z_0.9", "x" * 300])
def test_identifiers(name: str) -> None:
    assert is_identifier(name)


@pytest.mark.parametrize("name", ["", "a b", "a/b", "a\n", "ä", None, 1, ["a"]])
def test_not_identifiers(name: object) -> None:
    assert not is_identifier(name)


@pytest.mark.parametrize("name", ["a", "projectcalico.org/x", "x" * 512])
def test_label_names(name: str) -> None:
    assert is_label_name(name)


@pytest.mark.parametrize("name", ["", "a b", "a\n", "ä", "x" * 513, None])
def test_not_label_names(name: object) -> None:
    assert not is_label_name(name)


@pytest.mark.parametrize("name", ["eth0", "eth0.100", "br-lan", "a_b", "x" * 15])
def test_interface_names(name: str) -> None:
    assert is_interface_name(name)


@pytest.mark.parametrize("name", ["", "x" * 16, "eth0\n", "eth 0", "eth0:1", "eth*", "a/b"])
def test_not_interface_names(name: str) -> None:
    assert not is_interface_name(name)


@pytest.mark.parametrize("name", ["*", "eth*", "x" * 14 + "*"])
def test_interface_patterns(name: str) -> None:
    assert is_interface_pattern(name)


@pytest.mark.parametrize("name", ["", "eth", "eth*0", "**", "*\n", "x" * 15 + "*", "a b*"])
def test_not_interface_patterns(name: str) -> None:
    assert not is_interface_pattern(name)


@pytest.mark.parametrize("name", ["http", "a-1", "8x", "x" * 128])
def test_port_names(name: str) -> None:
    assert is_port_name(name)


@pytest.mark.parametrize("name", ["", "80", "80-90", "80:90", "a b", "http\n", "ä", "x" * 129, 80, None])
def test_not_port_names(name: object) -> None:
    assert not is_port_name(name)


@pytest.mark.parametrize(
    ("written", "hint"),
    [
        ("selctor", " Did you mean 'selector'?"),
        ("NOTSELECTOR", " Did you mean 'notSelector'?"),
        ("frobnicate", ""),
        ("selector" * 10, ""),
        (None, ""),
    ],
)
def test_suggestions_for_slips(written: object, hint: str) -> None:
    assert suggestion(written, ["selector", "notSelector", "order"]) == hint
