"""What the verbs share: exit codes, errors, options, the forms of output."""

from __future__ import annotations

import argparse
import enum
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

FOR_PEOPLE = "table"  # the form of output that is none for programs
PATHS_HELP = "files of policy, directories of them, or - for standard input"
STORE_VARIABLE = "CATFLAP_STORE"
STORE_HELP = (
    "etcd://HOST:PORT[,HOST:PORT…], etcds:// (TLS), etcd2:// (v2 API), etcd2s:// or dir:/PATH; default: "
    f"${STORE_VARIABLE}, else what FELIX_ variables and the INI file say"
)


class Exit(enum.IntEnum):
    """Exit codes, the same for all verbs."""

    SUCCESS = 0
    NO = 1  # the answer is no, or the input is invalid
    USAGE = 2
    UNREACHABLE = 3  # store or kernel


class CommandError(Exception):
    """Ends the command with a message on stderr and an exit code."""

    def __init__(self, message: str, code: Exit = Exit.NO) -> None:
        super().__init__(message)
        self.code = code


class Parser(argparse.ArgumentParser):
    """A parser that takes a list of positional arguments in several pieces, with options between them.

    The standard one takes the first piece for the whole list, and the others for mistakes. The lines of epilogs, which
    show examples, are left as they are.
    """

    def __init__(self, **settings: Any) -> None:
        super().__init__(formatter_class=argparse.RawDescriptionHelpFormatter, **settings)

    def parse_known_args(  # type: ignore[override]  # the overloads are about types of namespaces, of which we have one
        self, args: Sequence[str] | None = None, namespace: argparse.Namespace | None = None
    ) -> tuple[argparse.Namespace, list[str]]:
        """See `argparse.ArgumentParser.parse_known_args`."""
        found, rest = super().parse_known_args(args, namespace)
        for action in self._actions:
            if action.nargs in ("*", "+") and not action.option_strings:
                words = [word for word in rest if not _is_option(word)]
                rest = [word for word in rest if _is_option(word)]
                getattr(found, action.dest).extend(self._get_values(action, words) if words else ())
        return found, rest


def need_root(what: str) -> None:
    """End a command that cannot make network namespaces."""
    if os.geteuid() != 0:
        raise CommandError(f"{what} needs root, to create network namespaces: run it with sudo", Exit.USAGE)


def _is_option(word: str) -> bool:
    return word.startswith("-") and word != "-"  # which is standard input


def add_config_option(parser: argparse.ArgumentParser) -> None:
    """Add ``-c``: where else than in the usual file the agent is configured."""
    parser.add_argument(
        "-c", "--config-file", metavar="FILE", type=Path, help="INI file (default: /etc/calico/felix.cfg)"
    )


def add_store_option(parser: argparse.ArgumentParser) -> None:
    """Add ``--store``, with the environment's value as default."""
    parser.add_argument("--store", metavar="URL", default=os.environ.get(STORE_VARIABLE), help=STORE_HELP)


def add_world_options(parser: argparse.ArgumentParser) -> None:
    """Add what says which policy and which host a command is about, beside the paths of files."""
    add_store_option(parser)
    add_config_option(parser)
    parser.add_argument("--host", metavar="NAME", help="the host (default: the only one that there is)")
    parser.add_argument(
        "--live",
        action="store_true",
        help="this host, with its own interfaces, addresses and local configuration",
    )
    parser.add_argument(
        "--assume-interfaces",
        metavar="LIST",
        default="",
        help="the host's interfaces, where no Node object tells them: eth0=10.0.0.1/24,2001:db8::1/64,eth1=",
    )


def add_output_option(parser: argparse.ArgumentParser, *more: str) -> None:
    """Add ``-o``: a table or other text for people, the rest for programs; some verbs know more forms."""
    parser.add_argument(
        "-o",
        "--output",
        choices=(FOR_PEOPLE, "json", "yaml", *more),
        default=FOR_PEOPLE,
        help="what to print (default: %(default)s)",
    )


def print_data(output: str, data: object) -> None:
    """Print a result for programs, as JSON or YAML; structs become objects."""
    import msgspec

    plain = msgspec.to_builtins(data)
    if output == "yaml":
        import yaml

        print(yaml.safe_dump(plain, sort_keys=False, allow_unicode=True), end="")
    else:
        print(json.dumps(plain, indent=2, ensure_ascii=False))
