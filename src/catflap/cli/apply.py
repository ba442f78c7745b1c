"""``catflap apply``: make the store say what files say, all of it or nothing."""

from __future__ import annotations

import argparse
import time
from typing import TYPE_CHECKING, Any

from catflap.cli.common import (
    PATHS_HELP,
    CommandError,
    Exit,
    add_config_option,
    add_output_option,
    add_store_option,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from catflap.cli.manifests import Manifest
    from catflap.cli.outcomes import Result
    from catflap.store import Store

_EPILOG = """\
examples:
  catflap apply -f policy.yaml
  catflap apply policy/ --dry-run                all policy files below a directory
  catflap apply -f - < changed.yaml              after 'catflap get gnp ssh -o yaml > changed.yaml'
  catflap apply --recover undo                   after a crash in the middle of a large change

Every document is checked first (as by 'catflap check'): if one is invalid, nothing is written. An object becomes what
its document says; one that is so already is not written. A resourceVersion in a document must be the stored one.
Without it, an object that somebody changes in that moment is a conflict, too, and nothing is written.

all or nothing, as far as each store can:
  etcd://   One transaction for up to 127 objects. More are written in several: agents hold them back and take them as
            one change; after a crash in the middle everybody is told so, and --recover finishes or undoes it.
  etcd2://  The API has no transactions: several keys are written one after the other, and agents take them as one
            change as above. A single key is safe against others' changes by its version.
  dir:/     All files are checked and written beside the old ones before the first is replaced. A crash between two of
            these replacements leaves some old and some new files.

exit codes: 0 success, 1 invalid, refused or a conflict (nothing was changed), 2 usage, 3 the store cannot be
reached, or refuses: a password, a permission
"""


def add_parser(verbs: Any) -> None:
    """Add the verb to the command line."""
    parser = verbs.add_parser(
        "apply",
        help="write objects from files into the store, all or nothing",
        description="Write objects from files into the store, all of them or nothing.",
        epilog=_EPILOG,
    )
    parser.add_argument("paths", metavar="PATH", nargs="*", help=PATHS_HELP)
    parser.add_argument(
        "-f", "--filename", metavar="PATH", action="append", default=[], help="the same (repeatable)"
    )
    parser.add_argument("--dry-run", action="store_true", help="say what would be done, and write nothing")
    parser.add_argument(
        "--recover",
        choices=("finish", "undo"),
        help="bring a change to an end whose author died in the middle",
    )
    add_config_option(parser)
    add_store_option(parser)
    add_output_option(parser, "name")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Apply documents, or recover."""
    paths = [*options.filename, *options.paths]
    if bool(paths) == bool(options.recover):
        raise CommandError("name the files to apply, or --recover finish|undo without any", Exit.USAGE)
    if options.recover:
        from catflap.cli.recover import run_recovery

        return run_recovery(options)
    return _apply(options, paths)


def _apply(options: argparse.Namespace, paths: Sequence[str]) -> int:
    from catflap.cli.manifests import read_manifests
    from catflap.cli.outcomes import print_result
    from catflap.cli.store_access import in_store

    manifests = read_manifests(paths)
    if not manifests:
        raise CommandError(f"{' '.join(paths)}: there is no object in it", Exit.USAGE)

    async def work(store: Store) -> Result:
        return await _write(store, manifests, dry_run=options.dry_run)

    print_result(in_store(options, work), options.output)
    return Exit.SUCCESS


async def _write(store: Store, manifests: Sequence[Manifest], *, dry_run: bool) -> Result:
    from catflap.cli.manifests import refuse
    from catflap.cli.outcomes import carried_out
    from catflap.objects.applying import plan
    from catflap.objects.planning import RefusedError
    from catflap.objects.writing import refuse_while_in_progress

    begun = time.monotonic()
    await refuse_while_in_progress(store)
    try:
        plans = await plan(store, [each.wanted for each in manifests])
    except RefusedError as error:
        refuse(manifests, error.refusals)
        raise
    return await carried_out(store, plans, begun, dry_run=dry_run)
