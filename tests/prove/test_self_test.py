from __future__ import annotations

from typing import Any

from catflap.prove.self_test import discoveries


def test_a_mutant_is_found_by_a_difference(open_host: Any) -> None:
    (found,) = discoveries(open_host, "test", ["Pass allows"])
    assert found.series is not None
    assert "kernel: accept" in found.difference


def test_one_that_is_not_found_is_told(open_host: Any) -> None:
    (found,) = discoveries(open_host, "test", ["Pass allows"], patience=0)
    assert (found.mutant, found.series) == ("Pass allows", None)
