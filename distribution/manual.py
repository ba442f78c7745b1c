"""Man pages, generated from the parser of the command line and from the table of parameters.

Generators that exist fill the lines of epilogs, which show examples and tables here, as if they were sentences.
"""

from __future__ import annotations

import argparse
import re
import time
from collections.abc import Iterator
from typing import Final

from catflap.agent.parameters import PARAMETERS
from catflap.cli.main import build_parser
from distribution import configuration, project

SECTION: Final = 8  # commands of administrators
FILE_PAGE: Final = "felix.cfg.5"


def pages() -> dict[str, str]:
    """All pages by the names of their files, such as ``catflap-apply.8``."""
    made = {FILE_PAGE: _file_page()}
    for parser in _parsers(build_parser()):
        name = parser.prog.replace(" ", "-")
        made[f"{name}.{SECTION}"] = _command_page(name, parser)
    return made


def _parsers(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    """A parser, and those of its verbs, once each."""
    yield parser
    for child in dict.fromkeys(_verbs(parser).values()):
        yield from _parsers(child)


def _verbs(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    for action in parser._actions:  # noqa: SLF001  # argparse has no other way to ask
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001  # the same
            return dict(action.choices)
    return {}


def _command_page(name: str, parser: argparse.ArgumentParser) -> str:
    usage = " ".join(parser.format_usage().removeprefix("usage: ").split()).removeprefix(parser.prog).strip()
    lines = [
        *_head(name, SECTION, _brief(parser)),
        ".SH SYNOPSIS",
        f".B {_roff(parser.prog)}",
        _roff(usage),
        ".SH DESCRIPTION",
        _roff(parser.description or ""),
        *_options(parser),
    ]
    if parser.epilog:
        lines += [".SH NOTES", *_verbatim(parser.epilog)]
    return "\n".join(line for line in [*lines, *_see_also(name, parser)] if line) + "\n"


def _brief(parser: argparse.ArgumentParser) -> str:
    """The description's first sentence, as one line of a list of pages."""
    return re.split(r"[.:;](?:\s|$)", (parser.description or parser.prog).replace("\n", " "))[0]


def _head(name: str, section: int, brief: str) -> list[str]:
    day = time.strftime("%Y-%m-%d", time.gmtime(project.epoch()))
    title = f'.TH "{name.upper()}" "{section}" "{day}" "Catflap {project.VERSION}" "Catflap"'
    return [title, ".SH NAME", f"{_roff(name)} \\- {_roff(brief)}"]


def _options(parser: argparse.ArgumentParser) -> Iterator[str]:
    formatter = parser._get_formatter()  # noqa: SLF001  # it expands %(default)s
    for group in parser._action_groups:  # noqa: SLF001  # argparse has no other way to ask
        actions = [each for each in group._group_actions if each.help != argparse.SUPPRESS]  # noqa: SLF001  # the same
        if not actions:
            continue
        yield f".SH {(group.title or 'options').upper()}"
        for action in actions:
            if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001  # the same
                for choice in action._choices_actions:  # noqa: SLF001  # the same
                    yield from (".TP", f".B {_roff(choice.dest)}", _roff(choice.help or ""))
                continue
            yield from (".TP", f".B {_roff(_invocation(action))}", _roff(formatter._expand_help(action)))  # noqa: SLF001


def _invocation(action: argparse.Action) -> str:
    choices = f"{{{','.join(map(str, action.choices))}}}" if action.choices else None
    value = action.metavar if isinstance(action.metavar, str) else choices or action.dest.upper()
    if not action.option_strings:
        return value
    return ", ".join(action.option_strings) + ("" if action.nargs == 0 else f" {value}")


def _verbatim(text: str) -> list[str]:
    return [".nf", *(_roff(line) or ".sp" for line in text.strip().splitlines()), ".fi"]


def _see_also(name: str, parser: argparse.ArgumentParser) -> list[str]:
    others = [each.prog.replace(" ", "-") for each in _verbs(parser).values()]
    if name != "catflap":
        others = ["-".join(name.split("-")[:-1]), *others]
    refs = [f".BR {_roff(each)} ({SECTION})," for each in dict.fromkeys(others)]
    return [".SH SEE ALSO", *refs, ".BR felix.cfg (5)"]


def _file_page() -> str:
    lines = [
        *_head("felix.cfg", 5, "configuration of the Catflap agent"),
        ".SH SYNOPSIS",
        "/etc/calico/felix.cfg",
        ".SH DESCRIPTION",
        _roff(
            "An INI file with one section, [global]. FELIX_<PARAMETER> in the environment is stronger than the file,"
            " and the file is stronger than what the store says of a host and of all hosts."
        ),
        ".SH PARAMETERS",
    ]
    for parameter in PARAMETERS.values():
        default = configuration.default(parameter) or "(none)"
        store = "" if parameter.in_store else " Not in the store."
        lines += [
            ".TP",
            f".B {_roff(parameter.name)}",
            _roff(f"{parameter.description}. Default: {default}.{store}"),
        ]
    return "\n".join([*lines, ".SH SEE ALSO", f".BR catflap\\-agent ({SECTION})"]) + "\n"


def _roff(text: str) -> str:
    """Text as roff takes it: no character of it means anything else than itself."""
    escaped = text.replace("\\", "\\e").replace("-", "\\-").replace("'", "\\(aq").replace("`", "\\(ga")
    escaped = escaped.replace("^", "\\(ha").replace("~", "\\(ti").replace("…", "...")
    escaped = "".join(each if each.isascii() else f"\\[u{ord(each):04X}]" for each in escaped)
    return f"\\&{escaped}" if escaped.startswith((".", "\\(aq")) else escaped
