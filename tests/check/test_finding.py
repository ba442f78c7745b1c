from __future__ import annotations

import msgspec

from catflap.check.finding import Finding, Severity


def test_its_json_has_the_documented_names() -> None:
    finding = Finding(file="a.yaml", line=3, severity=Severity.ERROR, code="invalid", message="no")
    assert msgspec.to_builtins(finding) == {
        "file": "a.yaml",
        "line": 3,
        "kind": "",
        "name": "",
        "severity": "error",
        "code": "invalid",
        "field": "",
        "message": "no",
    }


def test_findings_sort_by_file_and_line() -> None:
    places = [("b.yaml", 1), ("a.yaml", 20), ("a.yaml", 3)]
    findings = [
        Finding(file=file, line=line, severity=Severity.WARNING, code="x", message="")
        for file, line in places
    ]
    assert [each.place for each in sorted(findings, key=lambda each: each.place)] == sorted(places)
