"""The entrance: parses arguments, runs one verb, turns errors into messages and exit codes."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

import catflap
from catflap.cli import (
    agent,
    apply,
    boot,
    check,
    delete,
    doctor,
    explain,
    get,
    health,
    init,
    lab,
    render,
    schema,
    status,
    test,
)
from catflap.cli.common import CommandError, Exit, Parser

_DESCRIPTION = "Secure the network interfaces of hosts with policy written against labels."
_EPILOG = """\
examples:
  catflap init --store etcd://localhost:2379     set the Ready flag, so that agents begin
  catflap agent                                  police this host, as /etc/calico/felix.cfg says
  catflap boot                                   load the last rule set, before the network is up
  catflap apply -f policy/                       write objects into the store, all or nothing
  catflap status                                 what is enforced on which host, problems first
  catflap check policy/                          find mistakes in files of policy
  catflap explain policy/ 'tcp 192.0.2.7 > 192.0.2.1:22'    what becomes of a packet, and why
  catflap health                                 is the policy in this host's kernel, and if not, why
  catflap lab demo                               see it work in throw-away network namespaces

exit codes: 0 success, 1 the answer is no or the input invalid, 2 usage, 3 store or kernel unreachable or refusing
"""


def build_parser() -> argparse.ArgumentParser:
    """The parser of the whole command line."""
    parser = Parser(
        prog="catflap",
        description=_DESCRIPTION,
        epilog=_EPILOG,
    )
    parser.add_argument("--version", action="version", version=f"catflap {catflap.__version__}")
    verbs = parser.add_subparsers(title="verbs", metavar="VERB", required=True)
    for verb in (
        *(agent, boot, init, apply, status, get, delete),
        *(check, test, explain, render, schema, doctor, health, lab),
    ):
        verb.add_parser(verbs)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command.

    Returns:
        The exit code; see `Exit`.
    """
    options = build_parser().parse_args(arguments)
    try:
        return int(options.run(options))
    except CommandError as error:
        print(f"catflap: {error}", file=sys.stderr)
        return int(error.code)
    except KeyboardInterrupt:
        print("catflap: interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:
        return int(Exit.SUCCESS)
