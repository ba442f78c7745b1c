from __future__ import annotations

import pytest
from tests.check.documents import check, document, endpoint, policy

from catflap.check.schema import split_reason


@pytest.mark.parametrize(
    ("reason", "field", "message"),
    [
        ("spec.ingress[0].selctor: unknown field.", "spec.ingress[0].selctor", "unknown field."),
        ("metadata.name: is missing.", "metadata.name", "is missing."),
        ("document: expected an object, got 7.", "", "document: expected an object, got 7."),
        ("Failed to decode JSON: nested too deeply.", "", "Failed to decode JSON: nested too deeply."),
        ("And more: the rest was not looked at.", "", "And more: the rest was not looked at."),
    ],
)
def test_a_reason_is_split_at_its_field(reason: str, field: str, message: str) -> None:
    assert split_reason(reason) == (field, message)


def test_every_reason_of_every_object_is_reported_at_once() -> None:
    report = check(
        policy("a", selctor="all()", order="first"),
        policy("b", ingress=[{"action": "Alow"}]),
        document("HostEndpont", "c", {}),
    )
    assert [(each.name, each.field, each.severity) for each in report.findings] == [
        ("a", "spec.order", "error"),
        ("a", "spec.selctor", "error"),
        ("b", "spec.ingress[0].action", "error"),
        ("c", "kind", "error"),
    ]
    hints = ["'selector'", "'Allow'", "'HostEndpoint'"]
    assert all(any(f"Did you mean {hint}?" in each.message for each in report.findings) for hint in hints)


def test_the_second_of_two_documents_for_one_object_names_the_first() -> None:
    (finding,) = check(endpoint("a"), endpoint("b"), endpoint("a")).findings
    assert (finding.code, finding.line) == ("duplicate-object", 5)
    assert "policy.yaml:1 already" in finding.message


def test_a_kind_that_nobody_acts_upon_is_a_warning() -> None:
    (finding,) = check(document("BGPPeer", "router", {})).findings
    assert (finding.code, finding.severity) == ("kind-without-effect", "warning")
