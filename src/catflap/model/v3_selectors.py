"""Namespaces and service accounts, as labels and as terms about labels.

An endpoint carries the names of its namespace and of its service account as labels. Labels of the namespace itself
reach it through a profile, with a prefix before their names; so do those of the service account. To select by them is
therefore to select by labels, and nothing after the model knows what a namespace is.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from catflap.model.fields import Fields
from catflap.model.names import is_identifier
from catflap.model.selector import Selector, SelectorError, conjunction, parse_selector, prefixed
from catflap.model.selector_nodes import Always, And, Equal, Has, Member, Node, Not, Or
from catflap.model.validation import show

NAMESPACE_LABEL: Final = "projectcalico.org/namespace"
SERVICE_ACCOUNT_LABEL: Final = "projectcalico.org/serviceaccount"
ORCHESTRATOR_LABEL: Final = "projectcalico.org/orchestrator"
NAMESPACE_PROFILE: Final = "kns."  # before the name of the namespace: the profile that hands its labels down
NAMESPACE_PREFIX: Final = "pcns."  # before the names of the labels that a namespace hands down
SERVICE_ACCOUNT_PREFIX: Final = "pcsa."


def labels_in(namespace: str, labels: Mapping[str, str]) -> dict[str, str]:
    """The labels of something in a namespace: its own, and the namespace's name.

    Labels that could only come from the namespace or a service account do not count where they are its own: it could
    pretend to be in another namespace.
    """
    inherited = (NAMESPACE_PREFIX, SERVICE_ACCOUNT_PREFIX)
    own = {name: value for name, value in labels.items() if not name.startswith(inherited)}
    return {**own, NAMESPACE_LABEL: namespace}


def in_namespace(namespace: str) -> Selector:
    """The selector for what is in a namespace."""
    return parse_selector(Equal(NAMESPACE_LABEL, namespace).text)


def namespace_selector(fields: Fields) -> Selector | None:
    """The field ``namespaceSelector``: ``all()`` is what is in a namespace at all, ``global()`` what is in none."""
    return _scoped(fields, "namespaceSelector", NAMESPACE_PREFIX, NAMESPACE_LABEL)


def service_account_selector(fields: Fields, name: str) -> Selector | None:
    """A selector of service accounts: ``all()`` is what has one at all, ``global()`` what has none."""
    return _scoped(fields, name, SERVICE_ACCOUNT_PREFIX, SERVICE_ACCOUNT_LABEL)


def service_accounts(fields: Fields) -> Selector | None:
    """The field ``serviceAccounts``, which holds names, a selector, or both together."""
    accounts = fields.object("serviceAccounts")
    names = frozenset(_account_names(accounts))
    named = parse_selector(Member(SERVICE_ACCOUNT_LABEL, names).text) if names else None
    selector = service_account_selector(accounts, "selector")
    accounts.close()
    return combined(fields, "serviceAccounts", named, selector)


def _account_names(accounts: Fields) -> Iterator[str]:
    for place, name in accounts.texts("names"):
        if is_identifier(name):
            yield name
        else:
            accounts.refuse(place, f"{show(name)} is not the name of a service account.")


def combined(fields: Fields, name: str, *parts: Selector | None) -> Selector | None:
    """What all of the given selectors match; None if none is given."""
    given = [part for part in parts if part is not None]
    if len(given) < 2:  # noqa: PLR2004 - nothing to combine
        return given[0] if given else None
    try:
        return conjunction(*given)
    except SelectorError as error:
        fields.refuse(name, f"cannot be combined with what else must match: {error}.")
        return None


def _scoped(fields: Fields, name: str, prefix: str, label: str) -> Selector | None:
    written = fields.selector(name)
    if written is None:
        return None
    try:
        return parse_selector(_about(prefixed(written, prefix).node, Has(label)).text)
    except SelectorError as error:
        fields.refuse(name, f"with {prefix!r} before each label it is not a selector: {error}.")
        return None


def _about(node: Node, exists: Has) -> Node:
    """The node, with ``all()`` and ``global()`` meaning that the label exists, and that it does not."""
    match node:
        case Always():
            return exists if node.text == "all()" else Not(exists)
        case Not():
            return Not(_about(node.operand, exists))
        case And() | Or():
            return type(node)(tuple(_about(operand, exists) for operand in node.operands))
        case _:
            return node
