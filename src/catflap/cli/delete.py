"""``catflap delete``: remove objects from the store, all or nothing."""

from __future__ import annotations

import argparse
import time
from typing import TYPE_CHECKING, Any

from catflap.cli.common import (
    CommandError,
    Exit,
    add_config_option,
    add_output_option,
    add_store_option,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from catflap.cli.outcomes import Result
    from catflap.objects.planning import Wanted
    from catflap.objects.stored import Subject
    from catflap.store import Store

_EPILOG = """\
examples:
  catflap delete hostendpoint web1-eth0
  catflap delete gnp/ssh hep/web1-eth0 hep/web1-eth1
  catflap delete -f policy/ --ignore-not-found

Nothing is deleted if one of the objects does not exist, or if somebody changes one in that moment. Objects that older
tools have written below /calico/v1 are deleted as well; a name that stands in both trees is deleted from both.

all or nothing, as far as each store can: as 'catflap apply --help' says. Endpoints go first, then what they refer to.
Kinds are written as 'catflap get --help' says. A resourceVersion in a file counts for nothing here.

exit codes: 0 success, 1 not found, invalid or a conflict (nothing was deleted), 2 usage, 3 the store cannot be reached,
or refuses
"""


def add_parser(verbs: Any) -> None:
    """Add the verb to the command line."""
    parser = verbs.add_parser(
        "delete",
        help="delete objects from the store, all or nothing",
        description="Delete objects from the store, all of them or nothing.",
        epilog=_EPILOG,
    )
    parser.add_argument("words", metavar="KIND NAME", nargs="*", help="a kind and names, or KIND/NAME")
    parser.add_argument(
        "-f",
        "--filename",
        metavar="PATH",
        action="append",
        default=[],
        help="delete what files name (repeatable)",
    )
    parser.add_argument("-n", "--namespace", metavar="NAME", default="default", help="default: %(default)s")
    parser.add_argument(
        "--ignore-not-found", action="store_true", help="take what does not exist for deleted"
    )
    parser.add_argument("--dry-run", action="store_true", help="say what would be done, and delete nothing")
    add_config_option(parser)
    add_store_option(parser)
    add_output_option(parser, "name")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Delete what is named."""
    from catflap.cli.kind_names import selection
    from catflap.cli.manifests import read_names
    from catflap.cli.outcomes import print_result
    from catflap.cli.store_access import in_store

    if bool(options.words) == bool(options.filename):
        raise CommandError("name a kind and names, or files with -f", Exit.USAGE)
    subjects = selection(options.words, options.namespace).subjects if options.words else ()
    documents = [each.wanted for each in read_names(options.filename)] if options.filename else []
    if not subjects and not documents:
        raise CommandError("which objects? Name them after their kind", Exit.USAGE)

    async def work(store: Store) -> Result:
        return await _delete(store, subjects, documents, options)

    print_result(in_store(options, work), options.output)
    return Exit.SUCCESS


async def _delete(
    store: Store, subjects: Sequence[Subject], documents: Sequence[Wanted], options: argparse.Namespace
) -> Result:
    from catflap.cli.outcomes import carried_out
    from catflap.objects.lookup import find_documented, find_named, unique
    from catflap.objects.planning import deletion
    from catflap.objects.writing import refuse_while_in_progress

    begun = time.monotonic()
    await refuse_while_in_progress(store)
    wanted = [*subjects, *(each.subject for each in documents)]
    found = [*await find_named(store, subjects), *await find_documented(store, documents)]
    missing = [subject for subject, objects in zip(wanted, found, strict=True) if not objects]
    if missing and not options.ignore_not_found:
        raise CommandError(f"nothing was deleted: {', '.join(map(str, missing))} not found in {store.url}")
    objects = unique(each for group in found for each in group)
    return await carried_out(store, deletion(objects), begun, dry_run=options.dry_run)
