"""Which policies apply to which endpoints of this host, kept up to date policy by policy and endpoint by endpoint.

Of a fleet's policies most apply elsewhere: one that matches no endpoint here costs one look at the index. Directions,
tiers and kinds are unknown here: a policy applies where its selector matches.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet

from catflap.model.resources import Policy, ResourceKey
from catflap.model.selector import Selector
from catflap.policy.label_index import LabelIndex


class ApplicablePolicies:
    """All policies on one side, this host's endpoints on the other."""

    def __init__(self) -> None:
        self.policies: dict[ResourceKey, Policy] = {}
        self._index: LabelIndex[ResourceKey, Selector] = LabelIndex()
        self._by_selector: defaultdict[Selector, dict[ResourceKey, Policy]] = defaultdict(dict)
        self._matching: defaultdict[ResourceKey, set[Selector]] = defaultdict(set)  # by endpoint

    def set_policy(self, key: ResourceKey, policy: Policy | None) -> AbstractSet[ResourceKey]:
        """Add, replace or (None) remove a policy; returns the endpoints that it applies to, or did."""
        old = self.policies.pop(key, None)
        concerned: set[ResourceKey] = set()
        if policy is not None:
            self.policies[key] = policy
            concerned |= self._add(policy.selector)
            self._by_selector[policy.selector][key] = policy
        if old is not None:
            concerned |= self._index.items(old.selector)
            if policy is None or policy.selector != old.selector:
                self._remove(old.selector, key)
        return concerned

    def _add(self, selector: Selector) -> AbstractSet[ResourceKey]:
        if selector not in self._by_selector:
            self._index.add_criterion(selector)
            for endpoint in self._index.items(selector):
                self._matching[endpoint].add(selector)
        return self._index.items(selector)

    def _remove(self, selector: Selector, key: ResourceKey) -> None:
        del self._by_selector[selector][key]
        if not self._by_selector[selector]:
            del self._by_selector[selector]
            for endpoint in self._index.items(selector):
                self._matching[endpoint].discard(selector)
            self._index.remove_criterion(selector)

    def set_endpoint(self, key: ResourceKey, labels: Mapping[str, str]) -> bool:
        """Add an endpoint of this host or change its labels; returns whether other policies apply to it now."""
        changed = self._index.set_item(key, labels)
        self._matching[key] ^= changed
        return bool(changed)

    def remove_endpoint(self, key: ResourceKey) -> None:
        """Forget an endpoint."""
        self._index.remove_item(key)
        self._matching.pop(key, None)

    def to(self, endpoint: ResourceKey) -> Iterator[tuple[ResourceKey, Policy]]:
        """The policies that apply to an endpoint of this host, in no particular order."""
        for selector in self._matching.get(endpoint, ()):
            yield from self._by_selector[selector].items()
