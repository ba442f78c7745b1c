"""The page of all options of all verbs, from the parsers themselves."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from typing import Final

from scripts.reference.tables import code, page, table

from catflap.cli.main import build_parser

_INTRO: Final = """
Everything that `catflap VERB --help` says. What the verbs do and how to read what they print stands in [commands](commands.md).
"""


def options_page() -> str:
    """The page."""
    parser = build_parser()
    verbs = [part for name, verb in _verbs(parser) for part in _verb(name, verb)]
    return page("All options", _INTRO, f"```text\n{(parser.epilog or '').strip()}\n```", *verbs)


def _verbs(parser: argparse.ArgumentParser) -> Iterator[tuple[str, argparse.ArgumentParser]]:
    """All verbs, and those below them."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for verb in action.choices.values():
                yield verb.prog, verb
                yield from _verbs(verb)


def _verb(name: str, parser: argparse.ArgumentParser) -> Iterator[str]:
    yield f"## {name}"
    yield parser.description or ""
    if rows := list(_rows(parser)):
        yield table(("option", "meaning", "default"), rows)
    if parser.epilog:
        yield f"```text\n{parser.epilog.strip()}\n```"


def _rows(parser: argparse.ArgumentParser) -> Iterator[tuple[str, str, str]]:
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction | argparse._HelpAction):
            continue
        about = parser._get_formatter()._expand_help(action) if action.help else ""
        yield _title(action), about, _default(action)


def _title(action: argparse.Action) -> str:
    value = action.metavar or ("|".join(map(str, action.choices)) if action.choices else "")
    if not value and action.nargs != 0:
        value = action.dest.upper() if action.option_strings else action.dest
    if isinstance(value, tuple):
        value = " ".join(value)
    if not action.option_strings:
        optional = action.nargs in ("?", "*")
        return code(f"[{value}]" if optional else value)
    return ", ".join(code(f"{option} {value}".strip()) for option in action.option_strings)


def _default(action: argparse.Action) -> str:
    """What holds without the option; the environment of whoever writes the page has no say."""
    shown = isinstance(action.default, int | float | str) and not isinstance(action.default, bool)
    return (
        code(action.default)
        if shown and action.default not in ("", argparse.SUPPRESS) and action.dest != "store"
        else "-"
    )
