from __future__ import annotations

import pytest

from catflap.check.finding import Severity
from catflap.check.source import read_source, unreadable


def test_objects_know_file_kind_name_and_line() -> None:
    objects, findings = read_source("a.yaml", b"\nkind: Tier\nmetadata: {name: a}\n---\n---\nkind: Profile\n")
    assert findings == []
    assert [(each.file, each.kind, each.name, each.line()) for each in objects] == [
        ("a.yaml", "Tier", "a", 2),
        ("a.yaml", "Profile", "", 6),
    ]


def test_items_of_a_list_are_objects_of_their_own() -> None:
    data = b"kind: TierList\nitems:\n- metadata: {name: a}\n- kind: Tier\n  metadata:\n    name: b\n"
    objects, _ = read_source("a.yaml", data)
    assert [(each.name, each.line("metadata.name")) for each in objects] == [("a", 3), ("b", 6)]


@pytest.mark.parametrize("data", [b"just text", b"- a", b"kind: 7\nmetadata: [name]"])
def test_odd_documents_are_objects_without_a_name(data: bytes) -> None:
    objects, findings = read_source("a.yaml", data)
    assert [(each.kind, each.name) for each in objects] == [("", "")]
    assert findings == []


@pytest.mark.parametrize(
    ("file", "data", "line"),
    [("a.yaml", b"a: 1\nb: [", 3), ("a.json", b'{\n"a": }', 2), ("a.json", b"\xff", 1)],
)
def test_a_file_that_cannot_be_read_is_one_finding_with_a_line(file: str, data: bytes, line: int) -> None:
    objects, (finding,) = read_source(file, data)
    assert objects == []
    assert (finding.file, finding.line, finding.code, finding.severity) == (
        file,
        line,
        "unreadable",
        Severity.ERROR,
    )


def test_a_reason_without_a_line_means_the_first() -> None:
    assert unreadable("a.yaml", "it is no regular file.").line == 1
