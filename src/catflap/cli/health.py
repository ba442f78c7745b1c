"""``catflap health``: asks the agent of this host whether it is alive, and whether the kernel holds what it should."""

from __future__ import annotations

import argparse
import socket
from typing import TYPE_CHECKING, Any

from catflap.cli.common import FOR_PEOPLE, CommandError, Exit, add_output_option, print_data

if TYPE_CHECKING:
    from catflap.agent.health import Health

_EPILOG = """\
examples:
  catflap health                                 is the policy in the kernel, and if not, why
  catflap health -o json                         the same for programs
  catflap health --alive                         only whether the agent is alive, for a watchdog

It asks the agent of this network namespace over a local socket; the agent looks at the kernel before it answers. A
store that is away is a remark, not a problem: what is enforced stays.

exit codes: 0 ready (with --alive: alive), 1 not ready, 2 usage, 3 no agent runs here, it gives no answer, or not root
"""


def add_parser(verbs: Any) -> None:
    """Add the verb to the command line."""
    parser = verbs.add_parser(
        "health",
        help="ask this host's agent whether the kernel holds what it should",
        description="Ask the agent of this host whether the kernel holds what it should.",
        epilog=_EPILOG,
    )
    parser.add_argument("--alive", action="store_true", help="succeed as long as the agent is alive")
    parser.add_argument(
        "--timeout",
        metavar="SECONDS",
        type=float,
        default=15.0,
        help="how long to wait for an answer (default: %(default)g)",
    )
    add_output_option(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Ask, print, and tell by the exit code."""
    health = _ask(options.timeout)
    if options.output == FOR_PEOPLE:
        _show(health)
    else:
        print_data(options.output, health)
    good = health.alive if options.alive else health.ready
    return Exit.SUCCESS if good else Exit.NO


def _ask(timeout: float) -> Health:
    import msgspec

    from catflap.agent.health import Health
    from catflap.agent.health_server import health_socket

    path = health_socket()
    try:
        answer = _read(str(path), timeout)
    except PermissionError:
        raise CommandError("only root may ask the agent: run it with sudo", Exit.UNREACHABLE) from None
    except TimeoutError:
        raise CommandError(
            f"the agent has given no answer for {timeout:g} s: it hangs; see its log, and restart it",
            Exit.UNREACHABLE,
        ) from None
    except OSError:
        raise CommandError(
            "no agent runs in this network namespace: start it; what an earlier one enforced stays in force"
            " (catflap doctor tells whether there is something)",
            Exit.UNREACHABLE,
        ) from None
    try:
        return msgspec.json.decode(answer, type=Health)
    except msgspec.MsgspecError as error:
        raise CommandError(f"the agent's answer is not understood: {error}", Exit.UNREACHABLE) from None


def _read(path: str, timeout: float) -> bytes:
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(timeout)
        client.connect(path)
        parts = []
        while part := client.recv(65536):
            parts.append(part)
    return b"".join(parts)


def _show(health: Health) -> None:
    from catflap.cli.object_table import printable

    checked = health.kernel_checked_seconds_ago
    print("ready" if health.ready else "NOT READY" if health.alive else "NOT ALIVE")
    print(f"  store     {health.store_state}")
    print(
        f"  enforced  {'nothing yet' if health.revision_enforced is None else f'revision {health.revision_enforced}'}"
    )
    print(
        f"  kernel    {'never' if checked is None else f'{checked:.1f} s ago'} found to hold what it should"
    )
    for problem in health.problems:
        print(f"  problem   {printable(problem)}")
    for remark in health.remarks:
        print(f"  remark    {printable(remark)}")
