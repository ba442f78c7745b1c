"""Tables of stored resources by key, in which None stands for a resource that is gone."""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import TypeVar

from catflap.model.resources import Resource, ResourceKey

_Resource = TypeVar("_Resource", bound=Resource)


def put(table: MutableMapping[ResourceKey, _Resource], key: ResourceKey, resource: _Resource | None) -> None:
    """Add, replace or (None) remove a resource; removing what is not there changes nothing."""
    if resource is None:
        table.pop(key, None)
    else:
        table[key] = resource
