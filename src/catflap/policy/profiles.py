"""Profiles: the rules that endpoints name, and the labels and tags that they inherit.

The three parts of a profile come and go one by one and in any order. A part in the newer encoding hides the same part
in the older one.
"""

from __future__ import annotations

from collections.abc import Mapping

from catflap.model.resources import (
    Action,
    Encoding,
    Kind,
    ProfileLabels,
    ProfileRules,
    ProfileTags,
    ResourceKey,
    Rule,
)
from catflap.policy.criteria import tag_markers
from catflap.policy.host_policy import ProfileStep
from catflap.policy.precedence import winner
from catflap.policy.tables import put

# That of the weaker encoding, so that a stored profile of either one replaces it.
DEFAULT_ALLOW_KEY = ResourceKey(Kind.PROFILE_RULES, "projectcalico-default-allow", encoding=Encoding.V1)
_ALLOW_ALL = (Rule(Action.ALLOW),)
_DEFAULT_ALLOW = ProfileRules(DEFAULT_ALLOW_KEY.name, ingress=_ALLOW_ALL, egress=_ALLOW_ALL)


class ProfileTable:
    """The profiles there are. ``projectcalico-default-allow`` is built in, and can be replaced."""

    def __init__(self) -> None:
        self._rules: dict[ResourceKey, ProfileRules] = {DEFAULT_ALLOW_KEY: _DEFAULT_ALLOW}
        self._labels: dict[ResourceKey, ProfileLabels] = {}
        self._tags: dict[ResourceKey, ProfileTags] = {}
        self._inherited: dict[
            str, Mapping[str, str]
        ] = {}  # by profile: tags and labels as the index knows them

    def set_rules(self, key: ResourceKey, rules: ProfileRules | None) -> None:
        """Add, replace or (None) remove the rules of a profile."""
        if rules is None and key == DEFAULT_ALLOW_KEY:
            rules = _DEFAULT_ALLOW
        put(self._rules, key, rules)

    def set_labels(self, key: ResourceKey, labels: ProfileLabels | None) -> None:
        """Add, replace or (None) remove the labels of a profile."""
        put(self._labels, key, labels)
        self._merge(key.name)

    def set_tags(self, key: ResourceKey, tags: ProfileTags | None) -> None:
        """Add, replace or (None) remove the tags of a profile."""
        put(self._tags, key, tags)
        self._merge(key.name)

    def _merge(self, name: str) -> None:
        merged: dict[str, str] = {}
        if tags_key := winner(self._tags, Kind.PROFILE_TAGS, name):
            merged.update(tag_markers(self._tags[tags_key].tags))
        if labels_key := winner(self._labels, Kind.PROFILE_LABELS, name):
            merged.update(self._labels[labels_key].labels)
        if merged:
            self._inherited[name] = merged
        else:
            self._inherited.pop(name, None)

    def rules(self, key: ResourceKey) -> ProfileRules:
        """The rules of that key.

        Raises:
            KeyError: there are none.
        """
        return self._rules[key]

    def steps(self, names: tuple[str, ...]) -> tuple[ProfileStep, ...]:
        """The profiles of an endpoint in order, those without rules marked as missing."""
        return tuple(ProfileStep(name, winner(self._rules, Kind.PROFILE_RULES, name)) for name in names)

    def inherited(self, names: tuple[str, ...]) -> dict[str, str]:
        """What an endpoint with these profiles inherits; of two values for one label the first profile's counts."""
        merged: dict[str, str] = {}
        for name in reversed(names):
            merged.update(self._inherited.get(name, {}))
        return merged
