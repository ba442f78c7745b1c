"""What the store says to agents, as far as one must know it to tell who is behind, and which hosts there should be."""

from __future__ import annotations

import bisect
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from catflap.model import V1_ROOT, V3_ROOT, HostEndpoint, Node, Resource, decode
from catflap.store import Listing, Store

_HOSTS = (
    f"{V3_ROOT}hostendpoints/",
    f"{V3_ROOT}nodes/",
    f"{V1_ROOT}host/",
)  # what names hosts stands below these


class Policy(msgspec.Struct, frozen=True):
    """All that agents follow.

    Attributes:
        revision: of the store when it was read; None where the store has no numbers that can be compared.
        versions: the revision of each entry's last change, sorted.
        hosts: how many host endpoints each host has.
    """

    revision: int | None
    versions: Sequence[int] = ()
    hosts: Mapping[str, int] = {}

    def behind(self, revision: int | None, entries: int | None) -> int | None:
        """How many changes whoever enforces a revision lacks; None where that cannot be told.

        Args:
            revision: that is enforced.
            entries: how many the store had then.
        """
        if self.revision is None or revision is None:
            return None
        if revision >= self.revision:
            return 0
        newer = len(self.versions) - bisect.bisect_right(self.versions, revision)
        if newer or entries is None:
            return newer
        # All that is there was there then, with the same values. So it is the same if it is as much; otherwise the
        # rest was deleted since.
        return abs(entries - len(self.versions))


async def read_policy(store: Store) -> Policy:
    """Read all that agents follow.

    Raises:
        StoreError: the store is unavailable or refuses.
    """
    roots = {"etcd": (V3_ROOT, V1_ROOT), "directory": (V3_ROOT,)}.get(store.driver, (V3_ROOT, V1_ROOT))
    if store.url.startswith("etcd2"):
        roots = (V1_ROOT,)
    listings = [await store.read(root) for root in roots]
    hosts = expected_hosts(listings)
    if store.driver == "directory":  # its versions are no revisions
        return Policy(None, hosts=hosts)
    versions = sorted(entry.version for listing in listings for entry in listing.entries.values())
    return Policy(listings[0].revision, versions, hosts)


def expected_hosts(listings: Iterable[Listing]) -> Mapping[str, int]:
    """The hosts that have host endpoints, and how many. What is invalid counts as missing, as for agents."""
    found = [
        change.resource
        for listing in listings
        for path, entry in listing.entries.items()
        if path.startswith(_HOSTS)
        for change in decode(path, entry.value).changes
    ]
    nodes = [each for each in found if isinstance(each, Node)]
    return Counter(host for each in found for host in _hosts(each, nodes))


def _hosts(item: Resource | None, nodes: Iterable[Node]) -> Iterable[str]:
    """The hosts that an endpoint is for. Whom a node selector means is known of hosts that have Node objects only."""
    if not isinstance(item, HostEndpoint):
        return ()
    if item.node_selector is None:
        return (item.node,) if item.node else ()
    return [each.name for each in nodes if item.node_selector.matches(each.labels)]
