from __future__ import annotations

import pytest


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers", "sentence(*ids): the test shows what these sentences of docs/reference/policy.md say"
    )
