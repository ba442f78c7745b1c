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


def both_encodings(kind: Kind, name: str) -> tuple[ResourceKey, ResourceKey]:
    """The two keys under which one name may stand, the weaker first."""
    return ResourceKey(kind, name, encoding=Encoding.V1), ResourceKey(kind, name, encoding=Encoding.V3)


def winner(table: Mapping[ResourceKey, ResourceType], kind: Kind, name: str) -> ResourceKey | None:
    """The key that counts for a name, None if neither encoding has it."""
    weaker, stronger = both_encodings(kind, name)
    if stronger in table:
        return stronger
    return weaker if weaker in table else None
