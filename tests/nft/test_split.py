from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.nft.host_policies import ADDRESSES, NETS

from catflap.model import persistent_set
from catflap.model.persistent_set import PersistentSet
from catflap.nft.sets import split_ip_set
from catflap.nft.split import Splitter, split_all
from catflap.policy.host_policy import IpSet

members = st.frozensets(st.sampled_from([*NETS, *ADDRESSES, "10.1.2.3", "2001:db8::1"]))


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sets that are easily drawn are large enough to share what they have in common."""
    monkeypatch.setattr(persistent_set, "_SMALL", 0)


@given(steps=st.lists(members, min_size=2, max_size=5))
def test_following_is_splitting_anew(steps: list[frozenset[str]]) -> None:
    held = PersistentSet([*steps[0], "192.0.2.1", "192.0.2.2", "192.0.2.4"])
    splitter = Splitter(IpSet("s", "all()", held))
    for step in steps[1:]:
        held = held.changed(step, steps[0] - step)
        ip_set = IpSet("s", "all()", held)
        splitter = splitter.follow(ip_set)
        assert splitter.families == split_ip_set(ip_set)


def test_what_does_not_change_stays_the_same_object() -> None:
    held = PersistentSet(["10.0.0.1", "10.0.0.2", "172.16.0.0/12", "fe80::1"])
    splitter = Splitter(IpSet("s", "", held))
    before = splitter.families
    after = splitter.follow(IpSet("s", "", held.changed(["10.0.0.3"], []))).families
    assert after[6] is before[6]
    assert after[4].networks is before[4].networks
    assert after[4].addresses != before[4].addresses


def test_a_set_that_was_not_made_from_the_last_one_is_split_anew() -> None:
    splitter = Splitter(IpSet("s", "", frozenset({"10.0.0.1"})))
    other = splitter.follow(IpSet("s", "", frozenset({"10.0.0.2"})))
    assert other is not splitter
    assert other.families[4].addresses.elements == {"10.0.0.2"}
    assert other.follow(IpSet("s", "", frozenset({"10.0.0.2"}))) is other


def test_sets_come_stay_and_go() -> None:
    first = split_all({"a": IpSet("a", "", frozenset({"10.0.0.1"})), "b": IpSet("b", "", frozenset())}, {})
    a = first["a"]
    second = split_all(
        {"a": IpSet("a", "", frozenset({"10.0.0.1"})), "c": IpSet("c", "", frozenset())}, first
    )
    assert second["a"] is a
    assert list(second) == ["a", "c"]
    assert list(first) == ["b"]  # what is in use is only where it is used
