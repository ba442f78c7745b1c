from __future__ import annotations

from tests.check.documents import check, endpoint, files, policy, policy_test, text

from catflap.check import Severity, check_files
from catflap.store.directory.tree import Reading

OPEN = {"from": "203.0.113.7", "to": "web1", "ports": [80], "expect": "allow"}


def test_nothing_to_find() -> None:
    report = check(endpoint("web1"), policy("p", selector="all()"))
    assert (report.findings, report.results, report.objects) == ((), (), 2)


def test_findings_of_all_kinds_are_sorted_by_place() -> None:
    read = files(
        b=text(endpoint("web1"), policy_test({**OPEN, "to": "web2"})),
        a=b"a: [",
        c=text(policy("p", types=None)),
    )
    report = check_files(read)
    assert [(each.file, each.code) for each in report.findings] == [
        ("a.yaml", "unreadable"),
        ("b.yaml", "policy-test"),
        ("c.yaml", "policy-without-types"),
    ]
    assert [each.severity for each in report.findings] == [Severity.ERROR, Severity.ERROR, Severity.WARNING]


def test_a_file_that_could_not_be_read_is_one_finding_among_the_others() -> None:
    read = {**files(b=b"a: ["), "a.json": Reading("/a.json", reason="it is no regular file.")}
    first, _ = check_files(read).findings
    assert (first.file, first.code, first.message) == ("a.json", "unreadable", "it is no regular file.")


def test_a_failed_test_is_an_error_at_its_line() -> None:
    data = b"apiVersion: catflap/v1\nkind: PolicyTest\nmetadata: {name: t}\nspec:\n  tests:\n"
    data += b"  - {from: 192.0.2.1, to: web1, ports: [80], expect: allow}\n"
    (finding,) = check_files(files(policy=data)).findings
    assert (finding.code, finding.line, finding.field) == ("policy-test", 6, "spec.tests[0]")
    assert "there is no endpoint 'web1'" in finding.message


def test_tests_can_be_left_out_and_lints_too() -> None:
    data = text(policy("p", types=None), policy_test(OPEN))
    report = check_files(files(policy=data), with_lints=False, with_tests=False)
    assert (report.findings, report.results, report.objects) == ((), (), 1)


def test_an_invalid_test_document_is_reported_even_if_tests_are_left_out() -> None:
    report = check_files(files(policy=text(policy_test({**OPEN, "expct": "allow"}))), with_tests=False)
    (finding,) = report.findings
    assert (finding.kind, finding.field) == ("PolicyTest", "spec.tests[0].expct")
    assert "Did you mean 'expect'?" in finding.message


def test_a_policy_test_with_another_version_is_no_policy_test() -> None:
    report = check({**policy_test(OPEN), "apiVersion": "projectcalico.org/v3"})
    assert [each.field for each in report.findings] == ["kind"]
