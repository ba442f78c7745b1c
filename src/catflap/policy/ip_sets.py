"""The addresses behind selectors and tags, for those that active rules refer to.

An address leaves a set only when the last endpoint that brought it has left: endpoints may share addresses. Sets are
recomputed only when one of their endpoints changed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from typing import TypeAlias

from catflap.model.resources import HostEndpoint, ResourceKey
from catflap.model.selector import Selector
from catflap.policy.endpoints import TagCriterion
from catflap.policy.host_policy import IpSet
from catflap.policy.label_index import LabelIndex

SetCriterion: TypeAlias = Selector | TagCriterion


def ip_set_id(criterion: SetCriterion) -> str:
    """A short stable name: the same selector has the same set in every policy, after every restart."""
    kind = "tag" if isinstance(criterion, TagCriterion) else "sel"
    digest = hashlib.blake2b(str(criterion).encode(errors="surrogatepass"), digest_size=12)
    return f"{kind}-{digest.hexdigest()}"


class IpSets:
    """The IP sets in use, fed with endpoints and told which criteria are wanted."""

    def __init__(self) -> None:
        self._index: LabelIndex[ResourceKey, SetCriterion] = LabelIndex()
        self._addresses: dict[ResourceKey, tuple[str, ...]] = {}
        self._sets: dict[SetCriterion, IpSet] = {}
        self._stale: set[SetCriterion] = set()

    def set_endpoint(self, key: ResourceKey, endpoint: HostEndpoint, labels: Mapping[str, str]) -> None:
        """Add an endpoint or change its addresses or effective labels."""
        self._stale |= self._index.set_item(key, labels)
        if self._addresses.get(key, ()) != endpoint.expected_ips:
            self._addresses[key] = endpoint.expected_ips
            self._stale |= self._matching(key)

    def remove_endpoint(self, key: ResourceKey) -> None:
        """Forget an endpoint and its addresses."""
        self._stale |= self._index.remove_item(key)
        self._addresses.pop(key, None)

    def select(self, wanted: Iterable[SetCriterion]) -> dict[str, IpSet]:
        """Exactly the sets of these criteria, by id; others are no longer followed."""
        wanted = set(wanted)
        for criterion in set(self._index.criteria()) - wanted:
            self._index.remove_criterion(criterion)
            self._sets.pop(criterion, None)
        result = {}
        for criterion in wanted:
            ip_set = self._current(criterion)
            result[ip_set.id] = ip_set
        self._stale.clear()
        return dict(sorted(result.items()))

    def _current(self, criterion: SetCriterion) -> IpSet:
        known = self._sets.get(criterion)
        if known is not None and criterion not in self._stale:
            return known
        self._index.add_criterion(criterion)
        members = frozenset(
            address for key in self._index.items(criterion) for address in self._addresses.get(key, ())
        )
        if known is None or known.members != members:
            known = IpSet(ip_set_id(criterion), str(criterion), members)
            self._sets[criterion] = known
        return known

    def _matching(self, key: ResourceKey) -> AbstractSet[SetCriterion]:
        return {criterion for criterion in self._index.criteria() if key in self._index.items(criterion)}
