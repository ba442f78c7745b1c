from __future__ import annotations

from collections.abc import Callable

import pytest

from catflap.agent import parameter_values as values
from catflap.model.resources import Action


@pytest.mark.parametrize(
    ("read", "raw", "value"),
    [
        (values.read_text, " a ", "a"),
        (values.read_path_or_none, "None", None),
        (values.read_path_or_none, "/a", "/a"),
        (values.one_of("a", "b"), "A", "a"),
        (values.read_log_level, "Warn", "warn"),
        (values.read_flag, "yes", True),
        (values.read_flag, False, False),
        (values.read_workload_to_host, "RETURN", Action.ALLOW),
        (values.number_between(0, 9), "7", 7),
        (values.read_address, "host:80", "host:80"),
        (values.read_endpoints, "http://a:1, http://b:2", ("http://a:1", "http://b:2")),
    ],
)
def test_what_is_meant_is_read(read: Callable[[object], object], raw: object, value: object) -> None:
    assert read(raw) == value


@pytest.mark.parametrize(
    ("read", "raw", "reason"),
    [
        (values.read_text, 7, "expected text, not 7"),
        (values.one_of("a", "b"), "c", "must be one of a, b"),
        (values.number_between(0, 9), "ten", "must be a whole number"),
        (values.number_between(0, 9), "10", "must be 0 to 9"),
        (values.read_address, "host", "must be hostname:port"),
        (values.read_address, "host:0", "the port must be 1 to 65535"),
        (values.read_endpoints, "http://a:1,https://b:2", "inconsistent protocols"),
    ],
)
def test_anything_else_is_refused_with_a_reason(
    read: Callable[[object], object], raw: object, reason: str
) -> None:
    with pytest.raises(ValueError, match=reason):
        read(raw)
