"""Which of two objects counts when both encodings name the same thing.

One etcd may hold the guide's tree and the newer one side by side: they are one world. What other objects refer to by
name (tiers, profiles) exists once: the newer encoding hides the older one. Endpoints and policies of both encodings
stand side by side, since nothing refers to them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

from catflap.model.resources import Encoding, Kind, Resource, ResourceKey

ResourceType = TypeVar("ResourceType", bound=Resource)


def winner(table: Mapping[ResourceKey, ResourceType], kind: Kind, name: str) -> ResourceKey | None:
    """The key that counts for a name, None if neither encoding has it."""
    keys = (ResourceKey(kind, name, encoding=encoding) for encoding in (Encoding.V3, Encoding.V1))
    return next((key for key in keys if key in table), None)
