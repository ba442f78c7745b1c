from __future__ import annotations

import pytest

from catflap.check.positions import FileLines, compose_documents, line_of

YAML = b"""\
# a comment
kind: Tier
metadata:
  name: a
spec:
  ingress:
    - action: Allow
      source: {nets: [10.0.0.0/8,
        10.0.0.0/9]}
    - action: Deny
---
kind: Second
"""


@pytest.mark.parametrize(
    ("field", "line"),
    [
        ("", 2),
        ("kind", 2),
        ("metadata.name", 4),
        ("spec.ingress", 6),
        ("spec.ingress[0].action", 7),
        ("spec.ingress[0].source.nets[1]", 9),
        ("spec.ingress[1]", 10),
        ("spec.ingress[1].protocol", 10),  # missing: where it would stand
        ("spec.ingress[7].action", 6),
        ("spec.types", 5),
        ("nothing.at.all", 2),
        ("kind.of.nonsense", 2),
    ],
)
def test_the_line_of_a_field(field: str, line: int) -> None:
    assert line_of(compose_documents("a.yaml", YAML)[0], field) == line


def test_each_document_has_its_own_lines() -> None:
    _, second = compose_documents("a.yaml", YAML)
    assert line_of(second, "kind") == 12


def test_an_item_of_a_list_is_an_object_of_its_own() -> None:
    lines = FileLines(
        "a.yaml", b"kind: TierList\nitems:\n- kind: Tier\n- kind: Tier\n  metadata:\n    name: b\n"
    )
    assert [lines.line(0, 1, field) for field in ("", "metadata.name", "spec")] == [4, 6, 4]


def test_json_with_tabs_has_lines() -> None:
    (node,) = compose_documents("a.json", b'{\n\t"kind":"Tier",\n\t"spec":\t{\n\t"order":1}}')
    assert line_of(node, "spec.order") == 4


def test_what_yaml_cannot_read_has_no_lines_but_the_first() -> None:
    assert compose_documents("a.json", b"{") == ()
    assert line_of(None, "spec") == 1
    assert FileLines("a.json", b"{").line(0, None, "spec") == 1
