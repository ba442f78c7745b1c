"""``catflap get``: the objects in the store, as a table, as documents that can be applied again, or as names."""

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
    from collections.abc import Sequence

    from catflap.cli.kind_names import Selection
    from catflap.model import Selector
    from catflap.objects.stored import StoredObject, Subject
    from catflap.store import Store

_EPILOG = """\
examples:
  catflap get hostendpoints
  catflap get hep,gnp -l 'role == "webserver"'
  catflap get gnp ssh -o yaml                    edit it, and 'catflap apply' it
  catflap get all -A

Kinds are written as HostEndpoint, hostendpoint, hostendpoints or hep; also gnp, np, wep, gns, netset, tier, profile,
node, felixconfig, clusterinfo. Objects that older tools have written below /calico/v1 are shown in the same form, and
marked v1. Invalid objects, which agents treat as missing, are marked, and stderr says what is wrong with them.

exit codes: 0 success (also where there is nothing), 1 a named object does not exist or cannot be shown, 2 usage, 3 the
store cannot be reached, or refuses
"""


def add_parser(verbs: Any) -> None:
    """Add the verb to the command line."""
    parser = verbs.add_parser(
        "get",
        help="show objects in the store",
        description="Show objects in the store.",
        epilog=_EPILOG,
    )
    parser.add_argument(
        "words", metavar="KIND [NAME]", nargs="+", help="kinds and names, KIND/NAME, or 'all'"
    )
    parser.add_argument("-l", "--selector", metavar="SELECTOR", help="only objects whose labels match")
    where = parser.add_mutually_exclusive_group()
    where.add_argument("-n", "--namespace", metavar="NAME", default="default", help="default: %(default)s")
    where.add_argument("-A", "--all-namespaces", action="store_true", help="objects of every namespace")
    add_config_option(parser)
    add_store_option(parser)
    add_output_option(parser, "name")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Read the store, and print what was asked for."""
    from catflap.cli.kind_names import selection
    from catflap.cli.store_access import in_store
    from catflap.objects.stored import DEFAULT_NAMESPACE

    chosen = selection(options.words, options.namespace)
    if chosen.subjects and options.all_namespaces:
        raise CommandError("a name belongs to one namespace: give -n NAME in place of -A", Exit.USAGE)
    labels = _selector(options.selector)

    async def work(store: Store) -> tuple[list[StoredObject], list[Subject]]:
        await _warn_of_change(store)
        await _warn_of_unreadable(store)
        return await (_named if chosen.subjects else _all)(store, chosen)

    found, missing = in_store(options, work)
    if not chosen.subjects and not options.all_namespaces:
        found = [each for each in found if each.subject.namespace in ("", options.namespace)]
    if labels is not None:
        found = [each for each in found if labels.matches(each.labels)]
    shown = _print(found, chosen, options)
    for name in missing:
        where = f" (in namespace {name.namespace})" if name.namespace == DEFAULT_NAMESPACE else ""
        print(f"catflap: {name} not found{where}", file=sys.stderr)
    return Exit.SUCCESS if shown and not missing else Exit.NO


async def _named(store: Store, chosen: Selection) -> tuple[list[StoredObject], list[Subject]]:
    """The objects that are named, and the names that nothing has."""
    from catflap.objects.lookup import find_named, unique

    groups = await find_named(store, chosen.subjects)
    missing = [name for name, group in zip(chosen.subjects, groups, strict=True) if not group]
    objects = unique(each for group in groups for each in group)
    return sorted(objects, key=lambda each: each.subject.kind), missing


async def _all(store: Store, chosen: Selection) -> tuple[list[StoredObject], list[Subject]]:
    """All objects of the kinds."""
    from catflap.objects.trees import read_objects

    return await read_objects(store, chosen.kinds), []


async def _warn_of_change(store: Store) -> None:
    """Tell if somebody is in the middle of writing."""
    from catflap.cli.store_access import in_progress
    from catflap.objects.claim import read_header
    from catflap.objects.errors import UnreadableHeaderError

    try:
        header, _ = await read_header(store)
    except UnreadableHeaderError as error:
        print(f"Warning: {error}; agents ignore it", file=sys.stderr)
    else:
        if header is not None:
            print(f"Warning: {in_progress(header)}", file=sys.stderr)


async def _warn_of_unreadable(store: Store) -> None:
    """Tell of files that may hold what was asked for, and cannot be used."""
    from catflap.model import V3_ROOT

    if store.driver == "directory":
        for problem in (await store.read(V3_ROOT)).problems:
            print(f"Warning: {problem.subject}: {' '.join(problem.reasons)}", file=sys.stderr)


def _selector(text: str | None) -> Selector | None:
    from catflap.model import SelectorError, parse_selector

    if text is None:
        return None
    try:
        return parse_selector(text)
    except SelectorError as error:
        raise CommandError(f"--selector {text!r} is not a selector: {error}", Exit.USAGE) from None


def _print(objects: Sequence[StoredObject], chosen: Selection, options: argparse.Namespace) -> bool:
    """Print objects and what is wrong with them; whether all of them could be shown."""
    from catflap.cli.object_table import printable, tables

    for each in objects:
        _warn(each)
    if options.output == FOR_PEOPLE:
        if not objects and not chosen.subjects:
            print("No resources found.", file=sys.stderr)
        for line in tables(objects, with_namespace=options.all_namespaces):
            print(line)
        return True
    if options.output == "name":
        for each in objects:
            print(printable(each.subject.title))
        return True
    documents = [shown for each in objects if (shown := each.shown()) is not None]
    if chosen.subjects and not documents:
        return False
    if chosen.subjects and len(chosen.subjects) == len(documents) == 1:
        print_data(options.output, documents[0])
    else:
        print_data(options.output, {"apiVersion": "v1", "kind": "List", "items": documents})
    return len(documents) == len(objects)


def _warn(item: StoredObject) -> None:
    from catflap.cli.object_table import printable

    if item.reasons:
        what = "cannot be shown as a document" if item.valid else "is invalid, and treated as missing"
        where = f"{item.subject} ({', '.join(item.entries)})"
        print(printable(f"Warning: {where} {what}: {' '.join(item.reasons)}"), file=sys.stderr)
