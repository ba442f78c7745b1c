"""``catflap lab``: throw-away hosts in network namespaces, with real packets."""

from __future__ import annotations

import argparse
from typing import Any

from catflap.cli import prove
from catflap.cli.common import FOR_PEOPLE, CommandError, Exit, add_output_option, need_root, print_data

_DEMO_EXAMPLES = """\
  catflap lab demo                   walk through the guide on a host in network namespaces
  catflap lab demo --store etcd      the same with a real etcd, started and stopped by the demo
  catflap lab demo -o json           all measurements, for programs
"""
_SWEEP_EXAMPLES = """\
  catflap lab sweep                  remove what a killed demo left behind
"""
_EPILOG = f"""\
examples:
{_DEMO_EXAMPLES}{prove.EXAMPLES}{_SWEEP_EXAMPLES}
Nothing touches this machine's own network or firewall.
"""


def add_parser(verbs: Any) -> None:
    """Add the verb to the command line."""
    parser = verbs.add_parser(
        "lab",
        help="throw-away hosts in network namespaces: a demonstration, and a proof, with real packets",
        description="Throw-away hosts in network namespaces, with real packets.",
        epilog=_EPILOG,
    )
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True)
    demo = actions.add_parser(
        "demo",
        help="walk through the guide; exit 1 if a packet went another way than it says",
        description="Secure a host step by step as the guide does, and judge each step with real packets.",
        epilog=f"examples:\n{_DEMO_EXAMPLES}",
    )
    demo.add_argument(
        "--store",
        choices=("dir", "etcd", "etcd2"),
        default="dir",
        help="where the demo keeps policy: a directory, etcd with the v3 API, or with the v2 API (default: dir)",
    )
    add_output_option(demo)
    demo.set_defaults(run=run_demo)
    prove.add_action(actions)
    sweep = actions.add_parser(
        "sweep",
        help="remove what a killed lab left behind",
        description="Remove the network namespaces, processes and files that killed labs left behind.",
        epilog=f"examples:\n{_SWEEP_EXAMPLES}",
    )
    sweep.set_defaults(run=run_sweep)


def run_demo(options: argparse.Namespace) -> int:
    """Run the demonstration."""
    need_root("catflap lab demo")
    from catflap.lab.demo import DemoError, run

    for_people = options.output == FOR_PEOPLE
    try:
        result = run(options.store, quiet=not for_people)
    except DemoError as error:
        raise CommandError(str(error), Exit.UNREACHABLE) from None
    if not for_people:
        print_data(options.output, result)
    return Exit.SUCCESS if result.as_expected else Exit.NO


def run_sweep(options: argparse.Namespace) -> int:  # noqa: ARG001  # the signature of all verbs
    """Remove what labs of dead processes left behind."""
    need_root("catflap lab sweep")
    from catflap.lab import namespaces, scratch

    removed = [*namespaces.sweep(), *scratch.sweep()]
    print("\n".join(f"removed {name}" for name in removed) or "nothing was left behind")
    return Exit.SUCCESS
