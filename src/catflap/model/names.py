"""Which names are allowed, and which one was probably meant.

The character sets are those of the old system, with two differences: interface names may contain a dot (VLANs such
as ``eth0.100``), and a line break at the end does not slip through.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from typing import Final, TypeGuard

MAX_COMPARED = 60  # characters: a longer name is no slip of the keyboard
PATTERN_HELP = (
    "A pattern is the beginning of a name with one '*' at its end, 15 characters in all: 'eth*'; or only '*'."
)

# For all of a text. The schemas of editors have them, too.
IDENTIFIER_PATTERN: Final = r"[A-Za-z0-9_.-]+"
LABEL_NAME_PATTERN: Final = r"[A-Za-z0-9_./-]{1,512}"  # longer ones could not be written in a selector
INTERFACE_NAME_PATTERN: Final = r"[A-Za-z0-9_.-]{1,15}"
INTERFACE_PATTERN: Final = r"[A-Za-z0-9_.-]{0,14}\*"
PORT_NAME_PATTERN: Final = (
    r"(?=.*[A-Za-z])[A-Za-z0-9_.-]{1,128}"  # without a letter it would read as a number
)

_IDENTIFIER = re.compile(IDENTIFIER_PATTERN)
_LABEL_NAME = re.compile(LABEL_NAME_PATTERN)
_INTERFACE_NAME = re.compile(INTERFACE_NAME_PATTERN)
_INTERFACE_PATTERN = re.compile(INTERFACE_PATTERN)
_PORT_NAME = re.compile(PORT_NAME_PATTERN)


def is_identifier(value: object) -> TypeGuard[str]:
    """Whether this can name an endpoint, profile, tag, tier or policy."""
    return isinstance(value, str) and _IDENTIFIER.fullmatch(value) is not None


def is_label_name(value: object) -> TypeGuard[str]:
    """Whether this can name a label."""
    return isinstance(value, str) and _LABEL_NAME.fullmatch(value) is not None


def is_interface_name(value: str) -> bool:
    """Whether this can name a network interface (the kernel allows 15 characters)."""
    return _INTERFACE_NAME.fullmatch(value) is not None


def is_interface_pattern(value: str) -> bool:
    """Whether this stands for all interfaces whose names begin alike: ``eth*``, or ``*``."""
    return _INTERFACE_PATTERN.fullmatch(value) is not None


def is_port_name(value: object) -> TypeGuard[str]:
    """Whether this can name a port of an endpoint."""
    return isinstance(value, str) and _PORT_NAME.fullmatch(value) is not None


def suggestion(written: object, known: Iterable[str]) -> str:
    """A question that names the known word closest to what was written, or nothing: `` Did you mean 'x'?``."""
    if not isinstance(written, str) or len(written) > MAX_COMPARED:
        return ""
    by_folded = {word.lower(): word for word in known}
    close = difflib.get_close_matches(written.lower(), by_folded, n=1, cutoff=0.7)
    return f" Did you mean {by_folded[close[0]]!r}?" if close else ""
