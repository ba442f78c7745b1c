from __future__ import annotations

import runpy
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def script() -> dict[str, object]:
    return runpy.run_path(str(ROOT / "scripts/generate_proto.py"))


def test_the_generated_messages_are_up_to_date(script: dict[str, object], tmp_path: Path) -> None:
    generate: Callable[[Path], None] = script["generate"]  # type: ignore[assignment]  # of a script, not a module
    files: tuple[str, ...] = script["GENERATED"]  # type: ignore[assignment]  # of a script, not a module
    generate(tmp_path)
    for file in files:
        assert (tmp_path / file).read_text() == (ROOT / "src" / file).read_text(), "run: make proto"
