"""Host endpoints and the labels and tags that they inherit from profiles.

An endpoint's own labels win; of two profiles that give one label different values the first in the endpoint's list
wins. Tags stand beside labels under names that no label can have, so that one index serves both.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TypeVar

import msgspec

from catflap.model.resources import HostEndpoint, Kind, ProfileLabels, ProfileTags, ResourceKey
from catflap.policy.precedence import both_encodings

_Part = TypeVar("_Part", ProfileLabels, ProfileTags)
_TAG_PREFIX = "\0tag:"  # label names cannot hold a NUL


class TagCriterion(msgspec.Struct, frozen=True):
    """Matches the endpoints that have a tag through one of their profiles."""

    tag: str

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Whether the tag is among the effective labels."""
        return _TAG_PREFIX + self.tag in labels

    def __str__(self) -> str:
        return f"tag {self.tag}"


class EndpointTable:
    """All host endpoints of all hosts, with effective labels. Profiles may come and go in any order."""

    def __init__(self) -> None:
        self._endpoints: dict[ResourceKey, HostEndpoint] = {}
        self._labels: dict[ResourceKey, ProfileLabels] = {}
        self._tags: dict[ResourceKey, ProfileTags] = {}
        self._users: dict[str, set[ResourceKey]] = {}  # profile name to the endpoints that list it

    def get(self, key: ResourceKey) -> HostEndpoint | None:
        """The endpoint of that key, if there is one."""
        return self._endpoints.get(key)

    def of_node(self, node: str) -> dict[ResourceKey, HostEndpoint]:
        """The endpoints of one host."""
        return {key: endpoint for key, endpoint in self._endpoints.items() if endpoint.node == node}

    def set_endpoint(self, key: ResourceKey, endpoint: HostEndpoint | None) -> None:
        """Add, replace or (None) remove an endpoint."""
        old = self._endpoints.pop(key, None)
        for profile in old.profiles if old else ():
            users = self._users.get(profile, set())
            users.discard(key)
            if not users:
                self._users.pop(profile, None)
        if endpoint is not None:
            self._endpoints[key] = endpoint
            for profile in endpoint.profiles:
                self._users.setdefault(profile, set()).add(key)

    def set_profile_labels(self, key: ResourceKey, labels: ProfileLabels | None) -> Iterable[ResourceKey]:
        """Change a profile's labels; returns the endpoints that list the profile."""
        return self._set_profile(self._labels, key, labels)

    def set_profile_tags(self, key: ResourceKey, tags: ProfileTags | None) -> Iterable[ResourceKey]:
        """Change a profile's tags; returns the endpoints that list the profile."""
        return self._set_profile(self._tags, key, tags)

    def _set_profile(
        self, table: dict[ResourceKey, _Part], key: ResourceKey, part: _Part | None
    ) -> Iterable[ResourceKey]:
        if part is None:
            table.pop(key, None)
        else:
            table[key] = part
        return tuple(self._users.get(key.name, ()))

    def effective_labels(self, endpoint: HostEndpoint) -> Mapping[str, str]:
        """The endpoint's own labels over those of its profiles, with its tags beside them."""
        if not endpoint.profiles:
            return endpoint.labels
        merged: dict[str, str] = {}
        for profile in reversed(endpoint.profiles):
            for key in both_encodings(Kind.PROFILE_TAGS, profile):
                if tags := self._tags.get(key):
                    merged.update({_TAG_PREFIX + tag: "" for tag in tags.tags})
            for key in both_encodings(Kind.PROFILE_LABELS, profile):
                if labels := self._labels.get(key):
                    merged.update(labels.labels)
        merged.update(endpoint.labels)
        return merged
