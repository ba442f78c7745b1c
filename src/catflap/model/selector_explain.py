"""Why a selector does not match an endpoint, in words.

For people who wonder why their policy does nothing: the part of the selector that fails, and what the labels say.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

from catflap.model.selector import Selector
from catflap.model.selector_nodes import Always, And, Labels, Node, Not, Or

MAX_CLAUSES = 4  # of a disjunction, each of whose operands fails


def explain_mismatch(selector: Selector, labels: Labels) -> str:
    """The first clause of the selector that fails, and the labels that it is about.

    ``role == "web": role is "wbe"``, ``has(env): there is no label env``. Where a disjunction fails every operand has
    failed, and up to `MAX_CLAUSES` are named. A selector that matches is said to match.
    """
    if selector.matches(labels):
        return f"{selector} matches"
    clauses = list(_failures(selector.node, labels))
    more = len(clauses) - MAX_CLAUSES
    if more > 0:
        clauses[MAX_CLAUSES:] = [f"and {more} more"]
    return "; ".join(clauses)


def _failures(node: Node, labels: Labels) -> Iterator[str]:
    """One clause for each way in which the node, which does not match, could have matched."""
    match node:
        case And():
            failed = next(operand for operand in node.operands if not operand.predicate()(labels))
            yield from _failures(failed, labels)
        case Or():
            for operand in node.operands:
                yield from _failures(operand, labels)
        case _:
            facts = [_fact(label, labels) for label in dict.fromkeys(_labels_of(node))]
            yield f"{node.text}: {', '.join(facts) or 'never matches'}"


def _labels_of(node: Node) -> Iterator[str]:
    match node:
        case Always():
            return
        case Not():
            yield from _labels_of(node.operand)
        case And() | Or():
            for operand in node.operands:
                yield from _labels_of(operand)
        case _:
            yield node.label


def _fact(label: str, labels: Labels) -> str:
    if label not in labels:
        return f"there is no label {label}"
    return f"{label} is {json.dumps(labels[label], ensure_ascii=False)}"
