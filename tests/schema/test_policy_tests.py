from __future__ import annotations

from typing import Any

import jsonschema
import pytest

from catflap.schema.policy_tests import policy_test


@pytest.mark.parametrize(
    ("test", "valid"),
    [
        ({"from": "x", "to": "192.0.2.1", "ports": [1], "expect": "Allow"}, True),
        ({"from": "x", "to": {"selector": "all()"}, "expect": "deny"}, True),
        ({"from": "x", "expect": "deny"}, False),
        ({"from": "", "to": "x", "expect": "deny"}, False),
        ({"from": "x", "to": "y", "expect": "maybe"}, False),
    ],
)
def test_tests(test: Any, valid: bool) -> None:  # a table
    document = {
        "apiVersion": "catflap/v1",
        "kind": "PolicyTest",
        "metadata": {"name": "x"},
        "spec": {"tests": [test]},
    }
    assert jsonschema.Draft7Validator(policy_test()).is_valid(document) is valid
