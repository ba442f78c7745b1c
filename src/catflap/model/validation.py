"""What the validators of both encodings share: collecting reasons, quoting values, reading JSON.

Stored data can be anything at all, so nothing here may raise anything but `InvalidObjectError`, quote without a
limit, or spend long on hopeless input: after `MAX_REASONS` reasons an object is given up.
"""

from __future__ import annotations

import math
import reprlib
from typing import Any, TypeGuard

import msgspec

MAX_REASONS = 50
_MOST_BITS = 4096  # of a number that is quoted


class InvalidObjectError(Exception):
    """A stored object is not valid, for all these reasons."""

    def __init__(self, reasons: tuple[str, ...]) -> None:
        super().__init__(" ".join(reasons))
        self.reasons = reasons


class Reasons:
    """Collects every reason why an object is invalid, as sentences."""

    def __init__(self) -> None:
        self._found: list[str] = []

    def add(self, reason: str) -> None:
        """Note a reason.

        Raises:
            InvalidObjectError: there are so many that the rest is not worth looking at.
        """
        self._found.append(reason)
        if len(self._found) >= MAX_REASONS:
            self._found.append("And more: the rest was not looked at.")
            self.raise_if_any()

    def raise_if_any(self) -> None:
        """Give up the object if anything was wrong with it.

        Raises:
            InvalidObjectError: a reason was added.
        """
        if self._found:
            raise InvalidObjectError(tuple(self._found))


class _Quoter(reprlib.Repr):
    """`repr` with limits on length, size and depth."""

    def __init__(self) -> None:
        super().__init__()
        self.maxlevel = 4
        self.maxdict = self.maxlist = 24
        self.maxstring = 160
        self.maxlong = 40

    def repr_int(self, x: int, level: int) -> str:
        """A number; one with thousands of digits is not written out, which Python refuses."""
        return super().repr_int(x, level) if x.bit_length() < _MOST_BITS else "<a huge number>"


show = _Quoter().repr  # quotes a value from the store in a reason


def is_integer(value: object) -> TypeGuard[int]:
    """Whether a JSON value is an integer; ``true`` is none."""
    return isinstance(value, int) and not isinstance(value, bool)


def finite_number(value: object) -> float | None:
    """A JSON number as a float; None for anything else, and for numbers beyond a float's range."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def read_json(raw: bytes) -> Any:
    """Decode a JSON value.

    Raises:
        InvalidObjectError: it is not JSON, not UTF-8, or nested beyond reason.
    """
    try:
        return msgspec.json.decode(raw)
    except RecursionError:
        reason = "nested too deeply"
    except (msgspec.DecodeError, ValueError) as error:
        reason = str(error)
    raise InvalidObjectError((f"Failed to decode JSON: {reason}.",))


def read_text(raw: bytes) -> str:
    """Decode plain text.

    Raises:
        InvalidObjectError: it is not UTF-8.
    """
    try:
        return raw.decode()
    except UnicodeDecodeError as error:
        raise InvalidObjectError((f"Not UTF-8 text: {error.reason} (byte {error.start}).",)) from None
