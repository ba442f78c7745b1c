"""Documents in files, for verbs that write: all of them with their places, or every reason why they cannot be used."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from catflap.check import Finding, Severity
from catflap.check.inventory import Inventory
from catflap.check.lints import lint
from catflap.check.schema import check_schema, invalid_object
from catflap.check.source import SourceObject, read_source, unreadable
from catflap.cli.common import CommandError
from catflap.cli.findings import finding_lines
from catflap.cli.policy_files import read_paths
from catflap.model import DocumentError
from catflap.objects.planning import Refusal, Wanted, wanted
from catflap.store.directory.documents import is_policy_test
from catflap.store.directory.tree import Reading


class Manifest(msgspec.Struct, frozen=True):
    """A document that was read, and where it stands."""

    wanted: Wanted
    source: SourceObject


def read_manifests(paths: Iterable[str]) -> list[Manifest]:
    """All documents in files, directories and standard input, checked as `catflap check` checks them.

    Warnings are printed to stderr. Policy tests, which may lie beside policy, are left out.

    Raises:
        CommandError: a file cannot be read, or a document is invalid; every reason was printed to stderr.
    """
    sources, findings = _read(read_paths(paths))
    schema = check_schema(sources)
    findings += [*schema.findings, *lint(Inventory(schema.valid))]
    report(findings)
    return [Manifest(wanted(source.value), source) for source in sources]


def read_names(paths: Iterable[str]) -> list[Manifest]:
    """All documents in files, of which only kind and name count.

    Raises:
        CommandError: as `read_manifests`.
    """
    sources, findings = _read(read_paths(paths))
    manifests = []
    for source in sources:
        try:
            manifests.append(Manifest(wanted(source.value), source))
        except DocumentError as error:
            findings += invalid_object(source, error.reasons)
    report(findings)
    return manifests


def refuse(manifests: Sequence[Manifest], refusals: Iterable[Refusal]) -> None:
    """Print why documents cannot be applied, at the place of each.

    Raises:
        CommandError: there is a refusal.
    """
    report(
        [
            manifests[each.number].source.finding(Severity.ERROR, "refused", each.message, each.field)
            for each in refusals
        ]
    )


def report(findings: Sequence[Finding]) -> None:
    """Print findings to stderr.

    Raises:
        CommandError: one of them is an error.
    """
    for line in finding_lines(sorted(findings, key=lambda each: each.place)):
        print(line.text, file=sys.stderr)
    errors = sum(each.severity is Severity.ERROR for each in findings)
    if errors:
        raise CommandError(f"nothing was written: {errors} error{'' if errors == 1 else 's'}")


def _read(readings: Mapping[str, Reading]) -> tuple[list[SourceObject], list[Finding]]:
    sources: list[SourceObject] = []
    findings: list[Finding] = []
    for file, reading in readings.items():
        if reading.reason is not None:
            findings.append(unreadable(file, reading.reason))
        if reading.data is not None:
            found, invalid = read_source(file, reading.data)
            sources += (each for each in found if not is_policy_test(each.value))
            findings += invalid
    return sources, findings
