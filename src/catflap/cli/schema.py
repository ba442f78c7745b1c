"""``catflap schema``: prints JSON Schemas, with which editors complete and check files of policy."""

from __future__ import annotations

import argparse
import json
from typing import Any

from catflap.cli.common import CommandError, Exit

_EPILOG = """\
examples:
  catflap schema                                 of everything that a file may hold
  catflap schema HostEndpoint                    of one kind: HostEndpoint, hostendpoints, hep
  catflap schema >~/.config/catflap.json         for an editor: see docs/how-to/editors.md
"""


def add_parser(verbs: Any) -> None:
    """Add the verb to the command line."""
    parser = verbs.add_parser(
        "schema",
        help="print JSON Schemas of files of policy, for editors",
        description="Print the JSON Schema of files of policy, with which editors complete and check them.",
        epilog=_EPILOG,
    )
    parser.add_argument("kind", metavar="KIND", nargs="?", help="only documents of this kind (default: all)")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Print one."""
    from catflap.schema import combined_schema, kind_schema

    schema = kind_schema(_kind(options.kind)) if options.kind else combined_schema()
    print(json.dumps(schema, indent=1, ensure_ascii=False))
    return Exit.SUCCESS


def _kind(word: str) -> str:
    from catflap.cli.kind_names import kind_of
    from catflap.schema import SCHEMA_KINDS

    by_folded = {kind.lower(): kind for kind in SCHEMA_KINDS}
    kind = by_folded.get(word.lower()) or kind_of(word)
    if kind not in SCHEMA_KINDS:
        raise CommandError(
            f"Catflap does not act upon objects of kind {kind}, and has no schema of them", Exit.USAGE
        )
    return kind
