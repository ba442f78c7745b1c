from __future__ import annotations

import re
from pathlib import Path

import pytest
from tests.check.documents import files

from catflap.check import check_files
from catflap.check.lints import LINTS

DOCUMENT = Path(__file__).resolve().parents[3] / "docs" / "reference" / "checks.md"
OTHER_CODES = {"unreadable", "invalid", "duplicate-object", "policy-test", "kind-without-effect"}
EXAMPLES = dict(
    re.findall(r"^### ([\w-]+)\n[^#]*?^```yaml\n(.*?)^```$", DOCUMENT.read_text(), re.MULTILINE | re.DOTALL)
)
CODES = [each.code for each in LINTS]


def test_every_code_is_documented_once_with_an_example() -> None:
    headings = re.findall(r"^### (.*)$", DOCUMENT.read_text(), re.MULTILINE)
    assert sorted(headings) == sorted({*CODES, *OTHER_CODES})
    assert EXAMPLES.keys() == set(headings)
    assert len(CODES) == len(set(CODES))


@pytest.mark.parametrize("code", EXAMPLES)
def test_the_documented_example_has_this_finding_and_no_other(code: str) -> None:
    report = check_files(files(example=EXAMPLES[code].encode()))
    assert {each.code for each in report.findings} == {code}


@pytest.mark.parametrize("each", LINTS, ids=lambda each: each.code)
def test_the_severity_is_where_the_document_says(each: object) -> None:
    errors = DOCUMENT.read_text().partition("## Errors")[2].partition("## Warnings")[0]
    (lint,) = [lint for lint in LINTS if lint is each]
    assert (f"### {lint.code}\n" in errors) == (lint.severity == "error")
