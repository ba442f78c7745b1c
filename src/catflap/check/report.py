"""All that checking does, in order: read, decode, lint, run the tests."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import msgspec

from catflap.check.finding import Finding, Severity
from catflap.check.inventory import Inventory
from catflap.check.lints import lint
from catflap.check.policytest.document import PolicyTest, parse_tests
from catflap.check.policytest.run import Result, Runner
from catflap.check.schema import check_schema, invalid_object
from catflap.check.source import SourceObject, read_source, unreadable
from catflap.model.validation import InvalidObjectError
from catflap.store.directory.documents import is_policy_test
from catflap.store.directory.tree import Reading


class Report(msgspec.Struct, frozen=True):
    """What was found, sorted by place, and what became of the tests; ``objects`` counts those that are no tests."""

    findings: tuple[Finding, ...]
    results: tuple[Result, ...]
    objects: int


def check_files(files: Mapping[str, Reading], *, with_lints: bool = True, with_tests: bool = True) -> Report:
    """Check files, by their names.

    Args:
        files: what was read of each.
        with_lints: whether lints are wanted beside what is invalid.
        with_tests: whether the policy tests are run. A test document that is invalid is reported in any case.
    """
    objects, findings = _read_all(files)
    stored = [each for each in objects if not is_policy_test(each.value)]
    schema = check_schema(stored)
    inventory = Inventory(schema.valid)
    tests, invalid = _parse_all(each for each in objects if is_policy_test(each.value))
    findings += [*schema.findings, *invalid]
    if with_lints:
        findings += lint(inventory)
    runner = Runner(inventory)
    results = [runner.run(test) for test in tests] if with_tests else []
    findings += _failed(results)
    return Report(tuple(sorted(findings, key=lambda each: each.place)), tuple(results), len(stored))


def _read_all(files: Mapping[str, Reading]) -> tuple[list[SourceObject], list[Finding]]:
    objects: list[SourceObject] = []
    findings: list[Finding] = []
    for file, reading in files.items():
        if reading.reason is not None:
            findings.append(unreadable(file, reading.reason))
        if reading.data is not None:
            found, invalid = read_source(file, reading.data)
            objects.extend(found)
            findings.extend(invalid)
    return objects, findings


def _parse_all(documents: Iterable[SourceObject]) -> tuple[list[PolicyTest], list[Finding]]:
    tests: list[PolicyTest] = []
    findings: list[Finding] = []
    for source in documents:
        try:
            tests.extend(parse_tests(source))
        except InvalidObjectError as error:
            findings.extend(invalid_object(source, error.reasons))
    return tests, findings


def _failed(results: Iterable[Result]) -> Iterator[Finding]:
    for result in results:
        test = result.test
        for failure in result.failures[:1]:
            more = f" (and {len(result.failures) - 1} more)" if len(result.failures) > 1 else ""
            message = f"policy test failed: {result.title}: {failure.text}{more}"
            yield test.source.finding(Severity.ERROR, "policy-test", message, test.field)
