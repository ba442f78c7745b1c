from __future__ import annotations

import ipaddress
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catflap.model.persistent_set import PersistentSet
from catflap.model.resources import IpVersion
from catflap.nft.cover import NetworkCover
from catflap.nft.sets import collapse


def cover(version: IpVersion, *nets: str) -> NetworkCover:
    return NetworkCover(version, nets, PersistentSet(collapse(nets)))


@pytest.mark.parametrize(
    ("before", "added", "removed", "after"),
    [
        ((), ("10.0.0.0/8",), (), {"10.0.0.0/8"}),
        (("10.0.0.0/8",), (), ("10.0.0.0/8",), set()),
        (("10.0.0.0/9",), ("10.128.0.0/9",), (), {"10.0.0.0/8"}),
        (("10.0.0.0/9", "10.128.0.0/9"), (), ("10.0.0.0/9",), {"10.128.0.0/9"}),
        (("10.0.0.0/8", "10.1.0.0/16"), (), ("10.0.0.0/8",), {"10.1.0.0/16"}),
        (("10.0.0.0/8",), ("10.1.0.0/16",), (), {"10.0.0.0/8"}),
        (("10.1.0.0/16", "10.3.0.0/16"), ("10.0.0.0/8",), (), {"10.0.0.0/8"}),
        (("128.0.0.0/1",), ("0.0.0.0/1",), (), {"0.0.0.0/0"}),
        (("10.0.0.0/31",), ("10.0.0.2/31",), ("10.0.0.0/31",), {"10.0.0.2/31"}),
    ],
)
def test_a_change(
    before: tuple[str, ...], added: tuple[str, ...], removed: tuple[str, ...], after: set[str]
) -> None:
    found = cover(4, *before)
    found.change(added, removed)
    assert found.elements == after


@given(version=st.sampled_from([4, 6]), data=st.data())
def test_after_any_changes_it_is_what_collapsing_all_gives(version: IpVersion, data: st.DataObject) -> None:
    """Networks that are near each other, at either end of the address space."""
    bits = {4: 32, 6: 128}[version]
    ends = st.integers(0, 15) | st.integers((1 << bits) - 16, (1 << bits) - 1)
    lengths = st.integers(0, 4) | st.integers(bits - 4, bits - 1)
    network = {4: ipaddress.IPv4Network, 6: ipaddress.IPv6Network}[version]
    nets = st.frozensets(
        st.tuples(ends, lengths).map(lambda pair: str(network(pair, strict=False))), max_size=12
    )
    steps = data.draw(st.lists(nets, min_size=2, max_size=4))
    found = cover(version, *steps[0])
    for last, step in pairwise(steps):
        found.change(step - last, last - step)
        assert found.elements == set(collapse(step))
