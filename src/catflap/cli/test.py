"""``catflap test``: run the policy tests that lie beside the policy; neither root nor a store is needed."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING, Any, Final

from catflap.cli.common import FOR_PEOPLE, PATHS_HELP, CommandError, Exit, add_output_option, print_data

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from catflap.check import Finding
    from catflap.check.policytest.run import Failure, Result
    from catflap.cli.lines import Line

_MAX_FAILURES: Final = 5  # shown of one test
_EPILOG = """\
examples:
  catflap test examples/04-policy-tests          the files below a directory
  catflap test -o junit policy/ tests/           for a build server
  catflap test -o tap -                          standard input

A test is a document of kind PolicyTest beside the policy: docs/how-to/test-policy.md. Exit 0: all passed. Exit 1:
one failed, there is none, or some object is invalid.
"""


def add_parser(verbs: Any) -> None:
    """Add the verb to the command line."""
    parser = verbs.add_parser(
        "test",
        help="run the policy tests in files",
        description="Run the policy tests in files, against the endpoints and the policy in the same files.",
        epilog=_EPILOG,
    )
    parser.add_argument("paths", metavar="PATH", nargs="+", help=PATHS_HELP)
    add_output_option(parser, "tap", "junit")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Run the tests and print what became of them."""
    from catflap.check import check_files
    from catflap.cli.policy_files import read_paths

    report = check_files(read_paths(options.paths), with_lints=False)
    invalid = [each for each in report.findings if each.severity == "error" and each.code != "policy-test"]
    for finding in invalid:
        print(_invalid(finding), file=sys.stderr)
    if not report.results and not invalid:
        raise CommandError(
            f"there is no policy test in {' '.join(options.paths)}: docs/how-to/test-policy.md"
        )
    _print(options.output, report.results, options.paths)
    failed = invalid or not all(result.passed for result in report.results)
    return Exit.NO if failed else Exit.SUCCESS


def _invalid(finding: Finding) -> str:
    what = " ".join(filter(None, (finding.kind, finding.name, finding.field)))
    return f"catflap: {finding.file}:{finding.line}: {what + ': ' if what else ''}{finding.message}"


def _print(output: str, results: Sequence[Result], paths: Sequence[str]) -> None:
    from catflap.check.policytest import formats
    from catflap.cli.lines import print_lines

    match output:
        case "tap":
            print("\n".join(formats.tap(results)))
        case "junit":
            print(formats.junit(results))
        case _ if output == FOR_PEOPLE:
            print_lines(_lines(results, paths))
        case _:
            print_data(output, formats.plain_data(results))


def _lines(results: Sequence[Result], paths: Sequence[str]) -> Iterator[Line]:
    from catflap.cli.lines import Line

    heading = ""
    for result in results:
        source = result.test.source
        if heading != (heading := f"{source.name} ({source.file})"):
            yield Line(heading)
        mark, style = ("✓", "green") if result.passed else ("✗", "red")
        packets = f" ({result.packets} packets)" if result.packets > 1 else ""
        yield Line(f"  {mark} {result.title}{packets}", 3, style)
        yield from _failure_lines(result.failures, paths)
    passed = sum(result.passed for result in results)
    yield Line(f"{passed} passed, {len(results) - passed} failed")


def _failure_lines(failures: Sequence[Failure], paths: Sequence[str]) -> Iterator[Line]:
    import shlex

    from catflap.cli.lines import Line, wrapped

    for failure in failures[:_MAX_FAILURES]:
        yield from wrapped(failure.text, "      ")
        if failure.explain:
            yield Line(f"      catflap explain {shlex.join(paths)} {failure.explain}")
    if len(failures) > _MAX_FAILURES:
        yield Line(f"      and {len(failures) - _MAX_FAILURES} more")
