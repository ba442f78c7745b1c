from __future__ import annotations

from collections.abc import Mapping

import msgspec
import pytest

from catflap.model.resources import TCP, Action, PortRange
from catflap.policy import HostPolicy, Settings
from catflap.policy.host_policy import Failsafe, FailsafePort

from .conftest import World

SSH = Failsafe(inbound=(FailsafePort(TCP, PortRange(22, 22)),))


def filled() -> World:
    """A world in which every setting makes a difference."""
    world = World()
    world.engine.set_interfaces({"eth0": set(), "cali1": set(), "tap1": set()})
    world.node("web1", zone="a")
    world.endpoint("data", interface="eth0")
    world.endpoint("data", "db1", interface="eth1")
    world.template("zone-b", 'zone == "b"', "eth*")
    world.workload("c", "cali1")
    world.workload("t", "tap1")
    return world


def fields(policy: HostPolicy) -> Mapping[str, object]:
    return msgspec.structs.asdict(policy)


@pytest.mark.parametrize(
    ("change", "seen_in"),
    [
        ({"hostname": "db1"}, {"interfaces", "workloads"}),
        ({"failsafe": SSH}, {"failsafe"}),
        ({"workload_prefixes": ("tap",)}, {"workload_prefixes", "workloads"}),
        ({"workload_prefixes": ()}, {"workload_prefixes", "workloads"}),
        ({"node_labels": {"zone": "b"}}, {"interfaces"}),
        ({"auto_host_endpoints": True}, {"interfaces", "profiles"}),
        ({"workload_to_host": Action.ALLOW}, {"workload_to_host"}),
        ({"accept_mark": 1}, {"accept_mark"}),
    ],
)
def test_every_setting_counts_at_once_and_can_be_taken_back(
    change: dict[str, object], seen_in: set[str]
) -> None:
    world = filled()
    before, notices = world.engine.host_policy(), world.engine.notices
    world.engine.settings = msgspec.structs.replace(world.engine.settings, **change)
    after = world.engine.host_policy()
    assert {name for name, value in fields(after).items() if value != fields(before)[name]} == seen_in
    world.engine.settings = Settings("web1")
    assert (world.engine.host_policy(), world.engine.notices) == (before, notices)
