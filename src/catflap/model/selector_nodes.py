"""The parts that a parsed selector consists of: each knows its canonical text and its predicate.

Predicates are closures, built once per selector: matching is what happens a million times, so it must not walk
the tree. Nodes are immutable values and never do anything but describe; `catflap.model.selector_parser` builds them.

A comparison with a label that is missing is false, except for ``!=`` and ``not in``, which are then true
(documented behaviour of the old system, and of the current one).
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from typing import TypeAlias

import msgspec

Labels: TypeAlias = Mapping[str, str]
Predicate: TypeAlias = Callable[[Labels], bool]


def quote(value: str) -> str:
    """A string literal: double quotes, unless the value contains one (it cannot contain both kinds)."""
    return f"'{value}'" if '"' in value else f'"{value}"'


class Always(msgspec.Struct, frozen=True):
    """``all()`` or ``global()``: true whatever the labels are."""

    text: str

    def predicate(self) -> Predicate:
        """Matches everything."""
        return lambda _labels: True


class Has(msgspec.Struct, frozen=True):
    """``has(label)``."""

    label: str

    @property
    def text(self) -> str:
        """Canonical text."""
        return f"has({self.label})"

    def predicate(self) -> Predicate:
        """Whether the label is there."""
        label = self.label
        return lambda labels: label in labels


class Equal(msgspec.Struct, frozen=True):
    """``label == "value"``, or with ``negated`` ``label != "value"``."""

    label: str
    value: str
    negated: bool = False

    @property
    def text(self) -> str:
        """Canonical text."""
        return f"{self.label} {'!=' if self.negated else '=='} {quote(self.value)}"

    def predicate(self) -> Predicate:
        """A missing label gives None, which equals no value."""
        label, value = self.label, self.value
        if self.negated:
            return lambda labels: labels.get(label) != value
        return lambda labels: labels.get(label) == value


class Member(msgspec.Struct, frozen=True):
    """``label in {"a", "b"}``, or with ``negated`` ``label not in {…}``."""

    label: str
    values: frozenset[str]
    negated: bool = False

    @property
    def text(self) -> str:
        """Canonical text, the members sorted."""
        members = ", ".join(map(quote, sorted(self.values)))
        return f"{self.label} {'not in' if self.negated else 'in'} {{{members}}}"

    def predicate(self) -> Predicate:
        """A missing label gives None, which is a member of no set."""
        label, values = self.label, self.values
        if self.negated:
            return lambda labels: labels.get(label) not in values
        return lambda labels: labels.get(label) in values


_SUBSTRING_TESTS: Mapping[str, Callable[[str, str], bool]] = {
    "contains": operator.contains,
    "starts with": str.startswith,
    "ends with": str.endswith,
}


class Substring(msgspec.Struct, frozen=True):
    """``label contains "s"``, ``label starts with "s"`` or ``label ends with "s"``."""

    label: str
    operation: str
    value: str

    @property
    def text(self) -> str:
        """Canonical text."""
        return f"{self.label} {self.operation} {quote(self.value)}"

    def predicate(self) -> Predicate:
        """False where the label is missing, even for an empty string."""
        label, value, test = self.label, self.value, _SUBSTRING_TESTS[self.operation]
        return lambda labels: label in labels and test(labels[label], value)


class Not(msgspec.Struct, frozen=True):
    """``!operand``."""

    operand: Node

    @property
    def text(self) -> str:
        """Canonical text."""
        return f"!{self.operand.text}"

    def predicate(self) -> Predicate:
        """The opposite."""
        inner = self.operand.predicate()
        return lambda labels: not inner(labels)


class And(msgspec.Struct, frozen=True):
    """Two or more operands joined by ``&&``."""

    operands: tuple[Node, ...]

    @property
    def text(self) -> str:
        """Canonical text, in parentheses."""
        return f"({' && '.join([operand.text for operand in self.operands])})"

    def predicate(self) -> Predicate:
        """All of them, from left to right up to the first that does not match."""
        predicates = tuple(operand.predicate() for operand in self.operands)
        if len(predicates) == 2:  # noqa: PLR2004 - the usual case, without a loop
            first, second = predicates
            return lambda labels: first(labels) and second(labels)

        def every(labels: Labels) -> bool:
            for predicate in predicates:  # noqa: SIM110 - a generator for all() takes twice as long
                if not predicate(labels):
                    return False
            return True

        return every


class Or(msgspec.Struct, frozen=True):
    """Two or more operands joined by ``||``."""

    operands: tuple[Node, ...]

    @property
    def text(self) -> str:
        """Canonical text, in parentheses."""
        return f"({' || '.join([operand.text for operand in self.operands])})"

    def predicate(self) -> Predicate:
        """Any of them, from left to right up to the first that matches."""
        predicates = tuple(operand.predicate() for operand in self.operands)
        if len(predicates) == 2:  # noqa: PLR2004 - the usual case, without a loop
            first, second = predicates
            return lambda labels: first(labels) or second(labels)

        def some(labels: Labels) -> bool:
            for predicate in predicates:  # noqa: SIM110 - a generator for any() takes twice as long
                if predicate(labels):
                    return True
            return False

        return some


Node: TypeAlias = Always | Has | Equal | Member | Substring | Not | And | Or
