"""What a lint is: a stable code, a severity, and a function that finds its cases."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeAlias

import msgspec

from catflap.check.finding import Severity
from catflap.check.inventory import Inventory
from catflap.check.source import SourceObject


class Remark(msgspec.Struct, frozen=True):
    """One case: about which field of which object, and what is to be said."""

    source: SourceObject
    field: str
    message: str


Find: TypeAlias = Callable[[Inventory], Iterator[Remark]]


class Lint(msgspec.Struct, frozen=True):
    """A lint of the table."""

    code: str
    find: Find
    severity: Severity = Severity.WARNING
