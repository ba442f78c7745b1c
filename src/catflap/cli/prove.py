"""``catflap lab prove``: random worlds and real packets; the kernel must do what the evaluator says."""

from __future__ import annotations

import argparse
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

from catflap.cli.common import FOR_PEOPLE, CommandError, Exit, add_output_option, need_root, print_data

EXAMPLES = """\
  catflap lab prove --time 60        prove for a minute that kernel and evaluator agree
  catflap lab prove --replay DIR     repeat a failure that was written down
  catflap lab prove --self-test      see that the proof finds what is wrong
"""


def add_action(actions: Any) -> None:
    """Add the action to ``catflap lab``."""
    parser = actions.add_parser(
        "prove",
        help="hold the kernel against the evaluator with random policy and real packets; exit 1 if they differ",
        description=(
            "Draw whole worlds of policy, enforce them in a network namespace, send packets at the edges of their "
            "rules, and compare what the kernel did with what the evaluator says."
        ),
        epilog=f"examples:\n{EXAMPLES}",
    )
    parser.add_argument("--seed", default="1", help="what to draw from (default: %(default)s)")
    parser.add_argument("--time", type=float, metavar="SECONDS", help="end after this time (default: 60)")
    parser.add_argument("--worlds", type=int, metavar="N", help="end after this many worlds")
    parser.add_argument("--jobs", type=int, default=2, metavar="N", help="processes (default: %(default)s)")
    parser.add_argument(
        "--failures",
        type=Path,
        default=Path("proof-failures"),
        metavar="DIR",
        help="where to write what fails (default: %(default)s)",
    )
    parser.add_argument("--replay", type=Path, metavar="DIR", help="repeat the failure in this folder")
    parser.add_argument("--self-test", action="store_true", help="look for known mistakes instead")
    add_output_option(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Prove, replay or test the proof."""
    need_root("catflap lab prove")
    from catflap.lab.namespaces import LabError
    from catflap.prove.kernel import ProverError

    try:
        if options.replay:
            return _replay(options.replay)
        return _self_test(options.seed) if options.self_test else _prove(options)
    except (LabError, ProverError) as error:
        raise CommandError(str(error), Exit.UNREACHABLE) from None


def _prove(options: argparse.Namespace) -> int:
    from catflap.lab.report import report_console
    from catflap.prove.run import Plan, Proof
    from catflap.prove.summary import Progress, data, summary

    if options.jobs < 1:
        raise CommandError(f"--jobs is {options.jobs}: give at least 1", Exit.USAGE)
    limitless = options.time is None and options.worlds is None
    plan = Plan(
        seed=options.seed,
        seconds=60.0 if limitless else options.time,
        worlds=options.worlds,
        jobs=options.jobs,
        failures=options.failures,
    )
    proof = Proof(plan)
    console = report_console()
    console.file = sys.stdout if options.output == FOR_PEOPLE else sys.stderr
    with Progress(console) as progress, suppress(KeyboardInterrupt):  # what was proved until then counts
        for finding in proof:
            progress.show(proof, finding)
    if options.output == FOR_PEOPLE:
        console.print(summary(proof))
    else:
        print_data(options.output, data(proof))
    return Exit.NO if proof.failed else Exit.SUCCESS


def _replay(folder: Path) -> int:
    import msgspec
    import yaml

    from catflap.prove.case_files import load, report
    from catflap.prove.kernel import KernelHost
    from catflap.prove.proof import repeat

    try:
        case = load(folder)
    except (OSError, msgspec.ValidationError, yaml.YAMLError) as error:
        raise CommandError(f"{folder} holds no failure to repeat: {error}", Exit.USAGE) from None
    with KernelHost() as host:
        found = repeat(host, case)
    if isinstance(found, str):
        print(found)
    elif found:
        print(report(case, found), end="")
    else:
        print("kernel and evaluator agree: the failure does not occur any more")
    return Exit.NO if found else Exit.SUCCESS


def _self_test(seed: str) -> int:
    from catflap.prove.kernel import KernelHost
    from catflap.prove.self_test import discoveries

    missed = 0
    with KernelHost() as host:
        for found in discoveries(host, seed):
            missed += found.series is None
            after = "NOT FOUND" if found.series is None else f"found after {found.series:3} series"
            print(
                f"{found.mutant:45} {after}  {found.difference.splitlines()[0] if found.difference else ''}"
            )
    print(f"{missed} mistakes were not found" if missed else "every mistake was found")
    return Exit.NO if missed else Exit.SUCCESS
