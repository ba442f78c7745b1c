"""Selectors: expressions over labels, such as ``role == "web" && has(env)``.

A `Selector` is an immutable value. It is parsed once, compiled once, and compared by its canonical text, so two ways to
write the same selector share everything that is derived from it. Grammar: `catflap.model.selector_parser`.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping

import msgspec

from catflap.model.selector_analysis import Requirement, prefixed_node, requirements
from catflap.model.selector_nodes import Always, Node, Predicate
from catflap.model.selector_parser import SelectorError, parse

__all__ = ["Selector", "SelectorError", "conjunction", "parse_selector", "prefixed"]

CACHED_SELECTORS = 4096
LONGEST_CACHED = 1024  # characters: whoever writes to the store must not fill the memory of every agent
_ALL = Always("all()")


class Selector(msgspec.Struct, frozen=True, eq=False):
    """A parsed selector; make one with `parse_selector`.

    ``str()`` gives the canonical text: single blanks, double quotes unless the value contains one, sets sorted,
    parentheses around every list of operands. It parses back to an equal selector. Equality and hash go by it.
    ``node`` is the expression as a tree, for those who analyse it.
    """

    _text: str
    _predicate: Predicate
    node: Node

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Whether an endpoint with these labels is selected."""
        return self._predicate(labels)

    def requirements(self) -> tuple[Requirement, ...]:
        """What labels must have in order to match: see `catflap.model.selector_analysis.requirements`."""
        return requirements(self.node)

    def __str__(self) -> str:
        return self._text

    def __repr__(self) -> str:
        return f"parse_selector({self._text!r})"

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Selector):
            return self._text == other._text
        return NotImplemented

    def __hash__(self) -> int:
        return hash(self._text)

    def __reduce__(self) -> tuple[Callable[[str], Selector], tuple[str]]:
        return parse_selector, (self._text,)


def parse_selector(text: str) -> Selector:
    """Parse a selector; blank text means ``all()``.

    Raises:
        SelectorError: the text is not a selector; the message and ``position`` say where.
    """
    return _remembered(text) if len(text) <= LONGEST_CACHED else _compiled(text)


@functools.lru_cache(maxsize=CACHED_SELECTORS)
def _remembered(text: str) -> Selector:
    return _compiled(text)


def _compiled(text: str) -> Selector:
    root = parse(text)
    return Selector(root.text, root.predicate(), root)


def prefixed(selector: Selector, prefix: str) -> Selector:
    """The same selector about labels whose names begin with ``prefix``.

    Raises:
        SelectorError: a name becomes too long, or ``prefix`` cannot begin one.
    """
    return parse_selector(prefixed_node(selector.node, prefix).text)


def conjunction(*selectors: Selector) -> Selector:
    """The selector that matches what all of these match; without any it is ``all()``.

    Raises:
        SelectorError: together they nest too deeply.
    """
    return parse_selector(" && ".join(str(selector) for selector in selectors if selector.node != _ALL))
