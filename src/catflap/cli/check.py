"""``catflap check``: what is wrong with files of policy, all of it at once; neither root nor a store is needed."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from catflap.cli.common import FOR_PEOPLE, PATHS_HELP, CommandError, Exit, add_output_option, print_data

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from catflap.check import Finding, Report
    from catflap.cli.lines import Line

_EPILOG = """\
examples:
  catflap check examples/02-webserver            all policy files below a directory
  catflap check --strict policy.yaml             warnings count, too
  catflap check --ignore wide-open -o json -     standard input, for programs

Every finding has a code; what each one means and what to do about it stands in docs/reference/checks.md. Policy tests
that lie beside the policy are run as well. Exit 0: no error. Exit 1: an error, or with --strict a warning.
"""


def add_parser(verbs: Any) -> None:
    """Add the verb to the command line."""
    parser = verbs.add_parser(
        "check",
        help="find mistakes in files of policy, and run their tests",
        description="Find everything that is wrong or suspicious in files of policy, and run their policy tests.",
        epilog=_EPILOG,
    )
    parser.add_argument("paths", metavar="PATH", nargs="+", help=PATHS_HELP)
    parser.add_argument("--strict", action="store_true", help="fail for warnings, too")
    parser.add_argument("--no-tests", action="store_true", help="do not run policy tests")
    parser.add_argument(
        "--ignore",
        metavar="CODE",
        action="append",
        default=[],
        help="leave findings of this code out (repeatable)",
    )
    add_output_option(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Check, print what was found, and say whether it is acceptable."""
    from catflap.check import Severity, check_files
    from catflap.cli.lines import print_lines
    from catflap.cli.policy_files import read_paths

    _refuse_unknown_codes(options.ignore)
    report = check_files(read_paths(options.paths), with_tests=not options.no_tests)
    findings = [each for each in report.findings if each.code not in options.ignore]
    if options.output == FOR_PEOPLE:
        print_lines(_lines(findings, report))
    else:
        print_data(options.output, findings)
    bad = (Severity.ERROR, Severity.WARNING) if options.strict else (Severity.ERROR,)
    return Exit.NO if any(each.severity in bad for each in findings) else Exit.SUCCESS


def _refuse_unknown_codes(codes: Sequence[str]) -> None:
    """A slip in a code must not leave people believing that something is ignored, nor hide what is an error."""
    from catflap.check.lints import LINTS
    from catflap.model.names import suggestion

    known = [each.code for each in LINTS]
    for code in codes:
        if code not in known:
            raise CommandError(
                f"--ignore {code}: only lints can be ignored: {', '.join(known)}.{suggestion(code, known)}",
                Exit.USAGE,
            )


def _lines(findings: Sequence[Finding], report: Report) -> Iterator[Line]:
    from catflap.cli.findings import finding_lines
    from catflap.cli.lines import Line

    yield from finding_lines(findings)
    yield Line(_summary(findings, report))


def _summary(findings: Sequence[Finding], report: Report) -> str:
    errors = sum(each.severity == "error" for each in findings)
    passed = sum(each.passed for each in report.results)
    tests = f", {passed} of {len(report.results)} policy tests passed" if report.results else ""
    return (
        f"{_count(report.objects, 'object')}: {_count(errors, 'error')},"
        f" {_count(len(findings) - errors, 'warning')}{tests}"
    )


def _count(number: int, what: str) -> str:
    return f"{number or 'no'} {what}{'' if number == 1 else 's'}"
