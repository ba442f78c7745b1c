"""``catflap lab``: throw-away hosts in network namespaces, with real packets."""

from __future__ import annotations

import argparse
import os
from typing import Any

from catflap.cli import prove
from catflap.cli.common import CommandError, Exit, add_output_option

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
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True)
    demo = actions.add_parser(
        "demo",
        help="walk through the guide; exit 1 if a packet went another way than it says",
        description="Secure a host step by step as the guide does, and judge each step with real packets.",
        epilog=f"examples:\n{_DEMO_EXAMPLES}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
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
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    sweep.set_defaults(run=run_sweep)


def need_root(what: str) -> None:
    """End the command where it cannot make network namespaces."""
    if os.geteuid() != 0:
        raise CommandError(f"{what} needs root, to create network namespaces: run it with sudo", Exit.USAGE)


def run_demo(options: argparse.Namespace) -> int:
    """Run the demonstration."""
    need_root("catflap lab demo")
    from catflap.lab.demo import DemoError, run

    try:
        return Exit.SUCCESS if run(options.store, options.output) else Exit.NO
    except DemoError as error:
        raise CommandError(str(error), Exit.UNREACHABLE) from None


def run_sweep(options: argparse.Namespace) -> int:  # noqa: ARG001  # the signature of all verbs
    """Remove what labs of dead processes left behind."""
    need_root("catflap lab sweep")
    from catflap.lab import namespaces, scratch

    removed = [*namespaces.sweep(), *scratch.sweep()]
    print("\n".join(f"removed {name}" for name in removed) or "nothing was left behind")
    return Exit.SUCCESS
