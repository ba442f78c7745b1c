"""Selectors in the policy of a namespace, written as their author wrote them: the opposite of `v3_selectors`.

Reading such a policy adds terms about the namespace to its selectors. They must not be written again, since reading
would add them twice, and a selector without them is not one that such a policy can have.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from catflap.model.encoded_values import Gaps
from catflap.model.resources import Peer
from catflap.model.selector import Selector
from catflap.model.selector_nodes import Always, And, Equal, Has, Node, Not, Or
from catflap.model.v3_selectors import NAMESPACE_LABEL, NAMESPACE_PREFIX

_ALL, _GLOBAL = Always("all()"), Always("global()")
_IN_ANY_NAMESPACE = Has(NAMESPACE_LABEL)


def policy_selector(selector: Selector, namespace: str, gaps: Gaps) -> str:
    """The selector of the policy without the term for its namespace, which it must begin with."""
    first, *rest = _operands(selector.node)
    if first == Equal(NAMESPACE_LABEL, namespace):
        return _joined(rest)
    _refuse("spec.selector", namespace, gaps)
    return ""


def peer_selectors(peer: Peer, namespace: str, place: str, gaps: Gaps) -> dict[str, Any]:
    """The fields ``namespaceSelector`` and ``selector`` of a peer: one that selects does so in a namespace."""
    if peer.selector is None:
        if peer.not_selector is not None:
            _refuse(f"{place}.notSelector", namespace, gaps)
        return {}
    operands = _operands(peer.selector.node)
    if operands[0] == Equal(NAMESPACE_LABEL, namespace):
        return {"selector": _joined(operands[1:])}
    scope = []
    for operand in operands:
        unscoped = _unscoped(operand)
        if unscoped is None:
            break
        scope.append(unscoped)
    if not scope:
        _refuse(f"{place}.selector", namespace, gaps)
    rest = operands[len(scope) :]
    return {"namespaceSelector": _joined(scope), "selector": _joined(rest) if rest else None}


def _refuse(field: str, namespace: str, gaps: Gaps) -> None:
    gaps.add(
        field,
        f"selects outside of the namespace {namespace!r} and names no other",
        "use a GlobalNetworkPolicy",
    )


def _operands(node: Node) -> tuple[Node, ...]:
    return node.operands if isinstance(node, And) else (node,)


def _joined(operands: Iterable[Node]) -> str:
    return " && ".join(operand.text for operand in operands) or _ALL.text


def _unscoped(node: Node) -> Node | None:
    """The term of a ``namespaceSelector`` that was read as this node; None if there is none."""
    match node:
        case Has(label=label) if label == NAMESPACE_LABEL:
            return _ALL
        case Not(operand=operand) if operand == _IN_ANY_NAMESPACE:
            return _GLOBAL
        case Not():
            inner = _unscoped(node.operand)
            return None if inner is None else Not(inner)
        case And() | Or():
            inners = [_unscoped(operand) for operand in node.operands]
            found = tuple(inner for inner in inners if inner is not None)
            return type(node)(found) if len(found) == len(inners) else None
        case Always():
            return None
        case _:
            name = node.label.removeprefix(NAMESPACE_PREFIX)
            return msgspec.structs.replace(node, label=name) if name not in ("", node.label) else None
