from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from catflap.model.resources import TCP, EndpointPort, ResourceKey
from catflap.policy.carriers import Carriers

from .conftest import endpoint_key

A, B, C = (endpoint_key(name) for name in "abc")
HTTP = (EndpointPort("http", TCP, 80),)


def test_an_object_carries_exactly_what_was_added() -> None:
    carriers = Carriers()
    carriers.add(A, ("192.0.2.1",), HTTP)
    assert carriers.carries(A, ("192.0.2.1",), HTTP)
    assert not carriers.carries(A, ("192.0.2.1",), ())
    assert not carriers.carries(A, (), HTTP)
    assert not carriers.carries(B, (), ())
    assert (carriers.addresses(A), carriers.ports(A)) == (("192.0.2.1",), HTTP)


def test_an_object_without_addresses_is_known() -> None:
    carriers = Carriers()
    carriers.add(A, (), ())
    assert carriers.carries(A, (), ())


def test_removing_what_is_not_known_changes_nothing() -> None:
    carriers = Carriers()
    carriers.add(A, ("192.0.2.1",), ())
    carriers.remove(B)
    assert list(carriers.of("192.0.2.1")) == [A]


ADDRESSES = st.lists(st.sampled_from(["x", "y"]), unique=True).map(tuple)


@given(steps=st.lists(st.tuples(st.sampled_from([A, B, C]), ADDRESSES), max_size=20))
def test_every_address_names_all_its_carriers_once(steps: list[tuple[ResourceKey, tuple[str, ...]]]) -> None:
    carriers, expected = Carriers(), dict[ResourceKey, tuple[str, ...]]()
    for key, addresses in steps:
        carriers.remove(key)
        expected.pop(key, None)
        if addresses:
            carriers.add(key, addresses, ())
            expected[key] = addresses
        for address in ("x", "y"):
            wanted = sorted(key for key, carried in expected.items() if address in carried)
            assert sorted(carriers.of(address)) == wanted
