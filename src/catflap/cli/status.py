"""``catflap status``: how all hosts stand, or one; and waiting until all of them enforce a revision of the store."""

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
    from collections.abc import Iterator

    from catflap.cli.fleet import Fleet, HostView
    from catflap.cli.lines import Line
    from catflap.store import Store

LATEST = "latest"

_EPILOG = """\
examples:
  catflap status                                 all hosts, problems first
  catflap status web1                            what is enforced where, since when, and what is not and why
  catflap status --watch                         the same, live, until Ctrl-C
  catflap status --wait 1234 --timeout 60        until every live host enforces what 'catflap apply' has written
  catflap status --wait latest                   until they enforce what the store says now
  catflap status --local                         this host, as its agent says, where the store cannot be reached

Hosts that have host endpoints and no live agent are shown as missing; --wait warns of them and does not wait. With a
directory as the store there is this host only.

exit codes: 0 every host enforces what the store says, and nothing is the matter (with --wait: the revision is reached);
1 something is (with --wait: not in time), or there is no such host; 2 usage; 3 the store cannot be reached, or refuses
"""


def add_parser(verbs: Any) -> None:
    """Add the verb to the command line."""
    parser = verbs.add_parser(
        "status",
        help="show what is enforced on which host, and wait for a revision",
        description="Show what is enforced on which host, since when, and what is not and why.",
        epilog=_EPILOG,
    )
    parser.add_argument("host", metavar="HOST", nargs="?", help="show all about this host")
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--watch", action="store_true", help="show it anew whenever it changes, until Ctrl-C")
    how.add_argument(
        "--wait",
        metavar="REV",
        type=_revision,
        help=f"wait until every live host enforces this revision of the store, or '{LATEST}'",
    )
    how.add_argument("--local", action="store_true", help="this host only, without the store")
    parser.add_argument(
        "--timeout",
        metavar="SECONDS",
        type=_seconds,
        help="with --wait: for so long at most (default: no end)",
    )
    add_config_option(parser)
    add_store_option(parser)
    add_output_option(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Show, watch or wait."""
    from catflap.cli.store_access import in_store

    if options.timeout is not None and options.wait is None:
        raise CommandError("--timeout is only for --wait", Exit.USAGE)
    if options.wait is not None:
        if options.host is not None:
            raise CommandError("--wait is about all hosts: leave the name out", Exit.USAGE)
        return _wait(options)
    if options.local:
        from catflap.cli.reports import local_fleet, local_path

        return _show(local_fleet(f"file:{local_path()}"), options)

    async def work(store: Store) -> int:
        return await (_watch if options.watch else _once)(store, options)

    return in_store(options, work)


async def _once(store: Store, options: argparse.Namespace) -> int:
    from catflap.cli.reports import read_fleet

    return _show(await read_fleet(store), options)


async def _watch(store: Store, options: argparse.Namespace) -> int:
    from contextlib import aclosing

    from catflap.cli.reports import Reports
    from catflap.cli.status_watch import screen

    async with aclosing(Reports(store).fleets()) as fleets:
        with screen() as show:
            async for fleet in fleets:
                if options.output == FOR_PEOPLE:
                    show(list(_lines(fleet, options)))
                else:
                    _print(fleet, options)
    return Exit.SUCCESS


def _wait(options: argparse.Namespace) -> int:
    from catflap.cli.status_wait import Waited, outcome, silent, wait
    from catflap.cli.store_access import in_store

    async def work(store: Store) -> Waited:
        return await wait(store, None if options.wait == LATEST else options.wait, options.timeout)

    waited = in_store(options, work)
    if warning := silent(waited):
        print(f"Warning: {warning}", file=sys.stderr)
    if options.output != FOR_PEOPLE:
        print_data(options.output, waited)
    if not waited.reached:
        raise CommandError(outcome(waited))
    if options.output == FOR_PEOPLE:
        print(outcome(waited))
    return Exit.SUCCESS


def _show(fleet: Fleet, options: argparse.Namespace) -> int:
    """Print it once."""
    if options.output == FOR_PEOPLE:
        from catflap.cli.lines import print_lines

        print_lines(_lines(fleet, options))
    else:
        _print(fleet, options)
    fine = fleet.fine if options.host is None else _host(fleet, options.host).fine
    return Exit.SUCCESS if fine else Exit.NO


def _lines(fleet: Fleet, options: argparse.Namespace) -> Iterator[Line]:
    from catflap.cli.fleet_table import table
    from catflap.cli.host_status import host_lines

    return table(fleet) if options.host is None else host_lines(_host(fleet, options.host))


def _print(fleet: Fleet, options: argparse.Namespace) -> None:
    print_data(options.output, fleet if options.host is None else _host(fleet, options.host))


def _host(fleet: Fleet, name: str) -> HostView:
    for each in fleet.hosts:
        if each.host == name:
            return each
    known = ", ".join(each.host for each in fleet.hosts[:5]) or "none"
    raise CommandError(f"{fleet.store}: no host {name!r} reports or has host endpoints (there are: {known})")


def _revision(text: str) -> int | str:
    if text == LATEST:
        return text
    if not text.isdecimal() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"{text!r} is no revision: give a number, or {LATEST!r}")
    return int(text)


def _seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is no number of seconds")
    return value
