from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

GOLDEN = Path(__file__).parent / "golden"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--write-golden", action="store_true", help="write the golden rule sets instead of comparing"
    )


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Callable[[str, str], None]:
    """Compares text with the golden file of a name, or writes it."""

    def compare(name: str, text: str) -> None:
        path = GOLDEN / f"{name}.nft"
        # Without this folder on the command line pytest learns of the option too late to offer it.
        if request.config.getoption("--write-golden", default=False):
            path.write_text(text)
        assert text == path.read_text(), f"{path} differs: look at it, then run: make golden"

    return compare
