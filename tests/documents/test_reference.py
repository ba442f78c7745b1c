"""The pages of the reference that come from the code are those that the code gives."""

from __future__ import annotations

import pytest
from scripts.reference.pages import ROOT, pages

from catflap.agent.parameters import PARAMETERS
from catflap.cli.main import build_parser
from catflap.verdict.result import Reason


@pytest.mark.parametrize("path", pages())
def test_a_page_is_up_to_date(path: str) -> None:
    assert (ROOT / path).read_text(encoding="utf-8") == pages()[path], "run: make reference"


def test_nothing_is_left_out() -> None:
    texts = pages()
    assert all(f"`{each.name}`" in texts["docs/reference/configuration.md"] for each in PARAMETERS.values())
    assert all(f"`{each}`" in texts["docs/reference/reasons.md"] for each in Reason)
    verbs = build_parser().format_usage() and texts["docs/reference/options.md"]
    assert all(f"## catflap {verb}\n" in verbs for verb in ("agent", "schema", "lab demo", "doctor"))
