"""What can be said about a selector without any labels at hand: what it requires, and how it reads under a prefix.

An index asks for the requirements so that it need not evaluate every selector for every endpoint. They may say less
than the selector does, and must never say more.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeAlias

import msgspec

from catflap.model.selector_nodes import Always, And, Equal, Has, Member, Node, Not, Or, Substring

Clue: TypeAlias = tuple[str, str | None]  # a label and its value, or a label with any value
Requirement: TypeAlias = frozenset[Clue]  # of these alternatives one must hold; without any nothing matches


def requirements(node: Node) -> tuple[Requirement, ...]:
    """Requirements that all labels meet which the node matches; an empty tuple says nothing.

    ``a == "x" && has(b)`` requires the label ``a`` with the value ``x``, and the label ``b``. Negations (``!``, ``!=``,
    ``not in``) require nothing: they match labels that are missing.
    """
    match node:
        case Has() | Substring():
            return (frozenset({(node.label, None)}),)
        case Equal(negated=False):
            return (frozenset({(node.label, node.value)}),)
        case Member(negated=False):
            return (frozenset((node.label, value) for value in node.values),)
        case And():
            return tuple(found for operand in node.operands for found in requirements(operand))
        case Or():
            return _either(requirements(operand) for operand in node.operands)
        case _:
            return ()


def _either(operands: Iterable[tuple[Requirement, ...]]) -> tuple[Requirement, ...]:
    """One requirement for a disjunction: the shortest of each operand together, if every operand has any."""
    together: set[Clue] = set()
    for found in operands:
        if not found:
            return ()
        together |= min(found, key=len)
    return (frozenset(together),)


def prefixed_node(node: Node, prefix: str) -> Node:
    """The node with ``prefix`` before the name of every label."""
    match node:
        case Always():
            return node
        case Not():
            return Not(prefixed_node(node.operand, prefix))
        case And() | Or():
            return type(node)(tuple(prefixed_node(operand, prefix) for operand in node.operands))
        case _:
            return msgspec.structs.replace(node, label=prefix + node.label)
