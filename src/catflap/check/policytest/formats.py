"""Results of policy tests as other programs read them: TAP, JUnit XML and JSON."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any
from xml.etree import ElementTree as ET

from catflap.check.policytest.run import Result


def tap(results: Sequence[Result]) -> Iterator[str]:
    """Lines of the Test Anything Protocol, version 13; ``#`` would begin a directive and is escaped."""
    yield "TAP version 13"
    yield f"1..{len(results)}"
    for number, result in enumerate(results, start=1):
        title = f"{result.test.source.name}: {result.title}".replace("\\", "\\\\").replace("#", "\\#")
        yield f"{'ok' if result.passed else 'not ok'} {number} - {title}"
        yield from (f"# {failure.text}" for failure in result.failures)


def junit(results: Sequence[Result]) -> str:
    """The XML that build servers read: a suite for each PolicyTest document, a case for each test."""
    root = ET.Element("testsuites", _counts(results))
    suites: dict[tuple[str, str], list[Result]] = {}
    for result in results:
        suites.setdefault((result.test.source.file, result.test.source.name), []).append(result)
    for (file, name), members in suites.items():
        suite = ET.SubElement(root, "testsuite", {"name": name, "file": file, **_counts(members)})
        for result in members:
            _case(suite, result)
    ET.indent(root)
    return ET.tostring(root, encoding="unicode", xml_declaration=True)


def _case(suite: ET.Element, result: Result) -> None:
    source = result.test.source
    line = str(source.line(result.test.field))
    attributes = {"classname": source.name, "name": result.title, "file": source.file, "line": line}
    case = ET.SubElement(suite, "testcase", {key: _printable(value) for key, value in attributes.items()})
    if not result.passed:
        failure = ET.SubElement(case, "failure", {"message": _printable(result.failures[0].text)})
        failure.text = "\n".join(_printable(each.text) for each in result.failures)


def _printable(text: str) -> str:
    """XML has no place for control characters."""
    return "".join(character if character.isprintable() else "?" for character in text)


def _counts(results: Sequence[Result]) -> dict[str, str]:
    return {"tests": str(len(results)), "failures": str(sum(not each.passed for each in results))}


def plain_data(results: Sequence[Result]) -> list[dict[str, Any]]:
    """One object for each test, for JSON."""
    return [
        {
            "file": result.test.source.file,
            "line": result.test.source.line(result.test.field),
            "document": result.test.source.name,
            "test": result.title,
            "passed": result.passed,
            "packets": result.packets,
            "failures": [each.text for each in result.failures],
        }
        for result in results
    ]
