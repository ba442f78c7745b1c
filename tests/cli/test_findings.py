from __future__ import annotations

from catflap.check import Finding, Severity
from catflap.cli.findings import finding_lines

INVALID = Finding(
    file="a.yaml",
    line=3,
    kind="HostEndpoint",
    name="web",
    severity=Severity.ERROR,
    code="invalid",
    field="spec.node",
    message="is missing.",
)
UNREADABLE = Finding(
    file="b.yaml", line=1, severity=Severity.WARNING, code="unreadable", message="word " * 30
)


def test_a_finding_names_its_place_first() -> None:
    place, message = finding_lines([INVALID])
    assert place.text == "a.yaml:3: error: HostEndpoint web, spec.node (invalid)"
    assert (place.text[: place.marked], place.style) == ("a.yaml:3: error", "red")
    assert message.text == "    is missing."


def test_a_whole_file_and_a_long_message() -> None:
    place, *message = finding_lines([UNREADABLE])
    assert (place.text, place.style) == ("b.yaml:1: warning (unreadable)", "yellow")
    assert len(message) == 2
