"""What a command adds to a ``projectcalico.org/v3`` document before it stores it, as ``calicoctl`` does.

Both functions give a new document and leave the rest of it alone, valid or not: whether it is valid is asked elsewhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from catflap.model.resources import Direction
from catflap.model.v3_policies import DELETE

_POLICY_KINDS: Final = (
    "GlobalNetworkPolicy",
    "NetworkPolicy",
    "StagedGlobalNetworkPolicy",
    "StagedNetworkPolicy",
)


def filled(document: Mapping[str, Any]) -> dict[str, Any]:
    """The document with the ``types`` of a policy that has none.

    They are Egress where it has egress rules, and Ingress where it has ingress rules or no rules at all. In the store a
    policy without types governs both directions: one with ingress rules alone would deny all that goes out.
    """
    spec = document.get("spec")
    if document.get("kind") not in _POLICY_KINDS or not isinstance(spec, dict):
        return dict(document)
    if spec.get("types") or spec.get("stagedAction") == DELETE:
        return dict(document)
    types = [Direction.EGRESS.value] if spec.get("egress") else []
    if spec.get("ingress") or not types:
        types.insert(0, Direction.INGRESS.value)
    return {**document, "spec": {**spec, "types": types}}


def with_bookkeeping(
    document: Mapping[str, Any], *, previous: Mapping[str, Any] | None, now: datetime, uid: str
) -> dict[str, Any]:
    """The document with the ``uid`` and ``creationTimestamp`` that it was stored with.

    The store gives the revision, so ``resourceVersion`` is left out.

    Args:
        document: what is to be stored.
        previous: what was stored; None where there was nothing.
        now: the time of the creation, where this is one; it must know its time zone.
        uid: the identifier that a new object gets.
    """
    metadata = document.get("metadata")
    if not isinstance(metadata, dict):
        return dict(document)
    fresh = {"uid": uid, "creationTimestamp": now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")}
    kept = _metadata(previous)
    bookkeeping = {name: kept.get(name) or value for name, value in fresh.items()}
    others = {name: value for name, value in metadata.items() if name != "resourceVersion"}
    return {**document, "metadata": {**others, **bookkeeping}}


def _metadata(document: Mapping[str, Any] | None) -> Mapping[str, Any]:
    metadata = None if document is None else document.get("metadata")
    return metadata if isinstance(metadata, dict) else {}
