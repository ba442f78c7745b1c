"""``catflap boot``: the last rule set in force, loaded before the network is up, without the store."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from catflap.cli.common import (
    FOR_PEOPLE,
    CommandError,
    Exit,
    add_config_option,
    add_output_option,
    print_data,
)

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from catflap.agent.boot import Boot
    from catflap.agent.config import Configuration

_EPILOG = """\
examples:
  catflap boot               before the network is up: load the last rule set that was in force
  catflap boot -o json       the same, and say what was done in a form for programs

A rule set that is in force already stays as it is. Where none was saved, or it cannot be loaded, BootAction in the
environment (FELIX_BOOTACTION) or the file decides: open, or failsafe-only. See docs/how-to/boot.md.

exit status: 0 a rule set is in force, or none was ever saved; 1 the saved one is damaged or refused, and what
BootAction says holds; 2 the environment or the file is invalid; 3 the kernel cannot be programmed
"""

# What says how a host is closed when it is; other parameters may be wrong without any harm to a boot.
_CONCERNED = {
    *("bootaction", "felixhostname", "interfaceprefix", "iptablesmarkmask"),
    *("failsafeinboundhostports", "failsafeoutboundhostports"),
}
_PROC_NET = Path("/proc/self/net")
_ESTABLISHED = "01"  # in the column "st" of /proc/net/tcp


def add_parser(verbs: Any) -> None:
    """Add the verb to the command line."""
    parser = verbs.add_parser(
        "boot",
        help="load the last rule set that was in force, before the network is up",
        description="Load the last rule set that was in force on this host, without asking the store.",
        epilog=_EPILOG,
    )
    add_config_option(parser)
    add_output_option(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Load it, or do what BootAction says, and tell."""
    import os

    from catflap.agent.boot import saved_file
    from catflap.agent.state_directory import STATE_VARIABLE, state_directory

    directory = state_directory(os.environ)
    if directory is None:
        raise CommandError(
            f"this is not the host's own network namespace: name the directory of its state with {STATE_VARIABLE}",
            Exit.USAGE,
        )
    current, invalid = _configuration(options.config_file)
    with _lock():
        boot = _boot(saved_file(directory), current)
    _print(boot, options.output)
    if invalid:
        raise CommandError(
            f"{invalid}\nThe defaults hold in its place, BootAction=open among them", Exit.USAGE
        )
    return Exit.NO if boot.reason else Exit.SUCCESS


def _configuration(config_file: Path | None) -> tuple[Configuration, str | None]:
    """What concerns a boot; if it is invalid the defaults, since a saved rule set must be loaded all the same."""
    from msgspec.structs import replace

    from catflap.agent.config import ConfigurationError, resolve
    from catflap.cli.stores import local_sources

    try:
        sources = [
            replace(source, values=tuple(each for each in source.values if each.name.lower() in _CONCERNED))
            for source in local_sources(config_file)
        ]
        return resolve(sources)[0], None
    except ConfigurationError as error:
        return resolve(())[0], str(error)


def _lock() -> AbstractContextManager[object]:
    """Keep agents away; where one runs already, it is the one who sees to the rule set."""
    from contextlib import nullcontext

    from catflap.agent.lock import AlreadyRunningError, LockError, acquire_lock

    try:
        return acquire_lock()
    except AlreadyRunningError as error:
        raise CommandError(f"nothing was loaded, since {error}") from None
    except LockError as error:  # a boot without a lock is better than none
        print(f"catflap: {error}; going on without a lock", file=sys.stderr)
        return nullcontext()


def _boot(file: Path | None, current: Configuration) -> Boot:
    from catflap.agent.boot import bring_back
    from catflap.agent.connections import keep_existing_connections
    from catflap.nft import EnforceError, Enforcer, LibNftables, NftError

    def keep_connections() -> None:
        if _has_connections():  # not at a real boot, which need not wait for looking them up
            keep_existing_connections()

    try:
        return bring_back(Enforcer(LibNftables(), on_tracking=keep_connections), file, current)
    except (NftError, EnforceError) as error:
        raise CommandError(f"NO RULE SET IS IN FORCE: {error}", Exit.UNREACHABLE) from None


def _has_connections() -> bool:
    """Whether some socket of this network namespace has a TCP connection."""
    tables = (_PROC_NET / name for name in ("tcp", "tcp6"))
    lines = (line for table in tables if table.exists() for line in table.read_text("ascii").splitlines()[1:])
    return any(line.split()[3] == _ESTABLISHED for line in lines)


def _print(boot: Boot, output: str) -> None:
    if output != FOR_PEOPLE:
        print_data(output, boot)
    elif boot.action is None:
        print(boot)
    if boot.action is not None:
        print(f"catflap: {boot}", file=sys.stderr)
    for remark in boot.remarks:
        print(f"catflap: {remark}", file=sys.stderr)
