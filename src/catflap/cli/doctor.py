"""``catflap doctor``: looks at this host as others have left it, and takes away what Calico's old agent left behind."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING, Any

from catflap.cli.common import (
    FOR_PEOPLE,
    CommandError,
    Exit,
    add_config_option,
    add_output_option,
    add_store_option,
    print_data,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from catflap.agent.config import Source
    from catflap.doctor import Diagnosis, Host

_EPILOG = """\
examples:
  catflap doctor                                 what is the matter on this host, problems first
  catflap doctor -o json                         the same for programs
  catflap doctor --from-felix                    what changes when Catflap takes over from Calico's old agent
  catflap doctor --remove-leftovers              take away chains, IP sets and tables of Calico's old agent

It looks at tables and chains of all packet filters, at Catflap's own table, at the kernel, at agents and services, and
changes nothing. --remove-leftovers shows first what it would do, and asks.

exit codes: 0 no problem (warnings and notes are none), 1 problems found, or something could not be removed, 2 usage,
3 the kernel's tables cannot be read: not root, or nft is missing
"""


def add_parser(verbs: Any) -> None:
    """Add the verb to the command line."""
    parser = verbs.add_parser(
        "doctor",
        help="find what is in the way on this host: other firewalls, leftovers, a missing table",
        description="Find what is in the way on this host.",
        epilog=_EPILOG,
    )
    parser.add_argument(
        "--remove-leftovers",
        action="store_true",
        help="remove what an earlier agent of Calico left in the kernel (felix-*, cali-*)",
    )
    parser.add_argument("--yes", action="store_true", help="with --remove-leftovers: do not ask")
    parser.add_argument(
        "--from-felix",
        action="store_true",
        help="also tell what configuration and store mean to Calico's old agent only, and how to take over",
    )
    add_store_option(parser)
    add_config_option(parser)
    add_output_option(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Look, print, and remove if told to."""
    from catflap.doctor import ThisHost, examine

    if options.from_felix and options.remove_leftovers:
        raise CommandError("--from-felix looks, --remove-leftovers removes: one after the other", Exit.USAGE)
    if options.yes and not options.remove_leftovers:
        raise CommandError("--yes is only for --remove-leftovers", Exit.USAGE)
    if options.remove_leftovers and options.output != FOR_PEOPLE and not options.yes:
        raise CommandError(f"-o {options.output} shows no question: add --yes, or leave it out", Exit.USAGE)
    host = ThisHost()
    diagnosis = examine(host)
    if options.remove_leftovers:
        return _remove(options, host, diagnosis)
    if options.from_felix:
        diagnosis = _compared(options, host, diagnosis)
    if options.output == FOR_PEOPLE:
        from catflap.cli.doctor_report import show

        show(diagnosis)
        if options.from_felix:
            _show_steps()
    else:
        print_data(options.output, diagnosis)
    return _exit(diagnosis)


def _compared(options: argparse.Namespace, host: Host, diagnosis: Diagnosis) -> Diagnosis:
    """The diagnosis with what differs from the old agent in configuration and store."""
    from catflap.agent.config import ConfigurationError
    from catflap.cli.stores import local_sources
    from catflap.doctor import from_felix

    try:
        sources = local_sources(options.config_file)
    except ConfigurationError as error:
        raise CommandError(str(error), Exit.USAGE) from None
    options.store = options.store or _old_store(sources)
    entries, unread = _stored(options)
    return from_felix(host, diagnosis, sources, entries, unread)


def _old_store(sources: tuple[Source, ...]) -> str | None:
    """Where the old agent's store is, if nobody says of what type it is: that agent knows the v2 API only."""
    from catflap.agent.config import ConfigurationError, resolve
    from catflap.agent.connect import store_url

    if any(value.name.lower() == "datastoretype" for source in sources for value in source.values):
        return None
    try:
        configuration, _ = resolve(sources)
    except ConfigurationError:  # which is a finding
        return None
    scheme, separator, rest = store_url(configuration).partition("://")
    return f"{scheme.replace('etcd', 'etcd2', 1)}{separator}{rest}"


def _stored(options: argparse.Namespace) -> tuple[Mapping[str, bytes], str]:
    """What the store holds in the old agent's tree; or nothing, and why it cannot be read."""
    from catflap.cli.store_access import in_store
    from catflap.model import V1_ROOT
    from catflap.store import Store

    async def read(store: Store) -> Mapping[str, bytes]:
        listing = await store.read(V1_ROOT)
        return {path: entry.value for path, entry in listing.entries.items()}

    try:
        return in_store(options, read), ""
    except CommandError as error:
        return {}, str(error)


def _show_steps() -> None:
    from catflap.doctor import STEPS

    print("\nTo take over without a gap:")
    for number, step in enumerate(STEPS, start=1):
        print(f"  {number}. {step}")


def _exit(diagnosis: Diagnosis) -> Exit:
    from catflap.doctor import Level

    if not diagnosis.kernel_read:
        return Exit.UNREACHABLE
    return Exit.NO if diagnosis.count(Level.PROBLEM) else Exit.SUCCESS


def _remove(options: argparse.Namespace, host: Host, diagnosis: Diagnosis) -> int:
    """Show what would be removed, ask, and do it."""
    from catflap.cli.object_table import printable
    from catflap.doctor import RemovalError, described, examine, removal_steps, remove
    from catflap.doctor.agents import calico_agents

    if not diagnosis.kernel_read:
        reasons = (each.message for each in diagnosis.findings if each.check == "not-looked-at")
        raise CommandError("; ".join(reasons), Exit.UNREACHABLE)
    if at_work := calico_agents(host.processes()):
        numbers = ", ".join(str(each.pid) for each in at_work)
        raise CommandError(
            f"Calico's agent is at work (process {numbers}) and would make it anew: stop it first"
        )
    steps = removal_steps(diagnosis.leftovers)
    lines = [printable(line) for line in described(steps)]
    if steps and options.output == FOR_PEOPLE:
        print("\n".join(["These are removed, in this order:", "", *lines, ""]))
    for warning in _warnings(diagnosis) if steps else ():
        print(f"Warning: {warning}", file=sys.stderr)
    if steps and not options.yes and not _confirmed():
        raise CommandError("nothing was removed: --yes removes without asking")
    try:
        remove(host, steps)
    except RemovalError as error:
        raise CommandError(str(error)) from None
    left = examine(host).leftovers
    if options.output == FOR_PEOPLE:
        print(f"{len(steps)} steps done, nothing is left." if steps else "There are no leftovers.")
    else:
        print_data(options.output, {"removed": lines, "left": left})
    if left:
        raise CommandError("something is left, or came back meanwhile: look again with catflap doctor")
    return Exit.SUCCESS


def _warnings(diagnosis: Diagnosis) -> Iterator[str]:
    """What the removal changes for packets."""
    from catflap.doctor.examine import OWN_OWNER

    if not any(each.owner == OWN_OWNER for each in diagnosis.chains):
        yield "Catflap polices nothing here yet: what only these rules denied is open afterwards"
    for each in diagnosis.leftovers.iptables:
        for chain in each.closed:
            yield (
                f"{each.title}: chain {chain} has the policy DROP: what only these rules accepted, maybe your own "
                "connection, is dropped afterwards"
            )


def _confirmed() -> bool:
    """Ask on a terminal; elsewhere the answer is no."""
    if not sys.stdin.isatty():
        return False
    try:
        return input("Remove them? [y/N] ").strip().lower() in ("y", "yes")
    except EOFError:
        return False
