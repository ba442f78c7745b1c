from __future__ import annotations

import pytest
from tests.objects.documents import policy, stored, wanted_of
from tests.objects.stores import LimitedStore

from catflap.model import V1_ROOT
from catflap.objects.errors import AmbiguousNameError
from catflap.objects.lookup import find_documented, find_named, unique
from catflap.objects.stored import Subject, Tree

TWO_HOSTS = {f"{V1_ROOT}host/{host}/endpoint/eth0": b'{"name": "eth0"}' for host in ("web1", "web2")}


@pytest.mark.parametrize(
    ("name", "found"), [("web1.eth0", ["web1.eth0"]), ("eth1", ["web1.eth1"]), ("eth2", [])]
)
async def test_a_short_name_of_the_v1_tree_will_do(name: str, found: list[str]) -> None:
    store = LimitedStore({**TWO_HOSTS, f"{V1_ROOT}host/web1/endpoint/eth1": b'{"name": "eth1"}'})
    [objects] = await find_named(store, [Subject("HostEndpoint", "", name)])
    assert [each.subject.name for each in objects] == found


async def test_a_parameter_is_no_name_of_all_of_them() -> None:
    store = LimitedStore({f"{V1_ROOT}config/LogSeverityScreen": b"info"})
    assert await find_named(store, [Subject("FelixConfiguration", "", "LogSeverityScreen")]) == [[]]


async def test_a_short_name_that_means_several() -> None:
    with pytest.raises(AmbiguousNameError, match=r"hostendpoint/eth0 may be .*web1\.eth0, .*web2\.eth0"):
        await find_named(LimitedStore(TWO_HOSTS), [Subject("HostEndpoint", "", "eth0")])


async def test_the_objects_of_a_name_may_stand_in_both_trees() -> None:
    twin = {f"{V1_ROOT}policy/tier/default/policy/ssh": b'{"inbound_rules": []}'}
    store = LimitedStore({**stored(policy(), policy("web")), **twin})
    names = [Subject("GlobalNetworkPolicy", "", name) for name in ("ssh", "web", "none")]
    both, one, none = await find_named(store, names)
    assert [each.tree for each in both] == [Tree.V3, Tree.V1]
    assert ([each.tree for each in one], none) == ([Tree.V3], [])
    [documented] = await find_documented(store, wanted_of(policy()))
    assert documented == both
    assert unique([*both, *one, *documented]) == [*both, *one]
