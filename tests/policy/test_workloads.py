from __future__ import annotations

from catflap.model.resources import WorkloadEndpoint
from catflap.policy.workloads import Workloads, resolve_workloads

from .conftest import workload_key


def resolve(*endpoints: WorkloadEndpoint, prefixes: tuple[str, ...] = ("cali", "tap")) -> Workloads:
    return resolve_workloads({workload_key(item.name): item for item in endpoints}, (), prefixes)


def workload(name: str, interface: str, *, active: bool = True) -> WorkloadEndpoint:
    return WorkloadEndpoint(name, "web1", interface, active)


def test_policed_workloads_are_in_the_order_of_their_interfaces() -> None:
    resolved = resolve(workload("a", "tap1"), workload("b", "cali2"))
    assert resolved == Workloads((workload_key("b"), workload_key("a")))


def test_an_interface_without_a_workload_prefix_is_not_policed() -> None:
    resolved = resolve(workload("a", "eth0"))
    assert resolved.policed == ()
    (notice,) = resolved.notices
    assert notice == (
        "Workload endpoint web1/o/w/a is not policed: its interface eth0 begins with none of the workload prefixes"
        " (cali, tap); change its interface name, or InterfacePrefix"
    )
    (notice,) = resolve(workload("a", "cali1"), prefixes=()).notices
    assert "its interface cali1 begins with no workload prefix;" in notice


def test_an_inactive_workload_is_not_policed_and_takes_no_interface() -> None:
    resolved = resolve(workload("a", "cali1", active=False), workload("b", "cali1"))
    assert resolved.policed == (workload_key("b"),)
    assert resolved.notices == (
        "Workload endpoint web1/o/w/a is not active, so it does not open its interface cali1",
    )


def test_of_two_workloads_with_one_interface_the_lowest_key_wins() -> None:
    resolved = resolve(workload("b", "cali1"), workload("a", "cali1"))
    assert resolved.policed == (workload_key("a"),)
    (notice,) = resolved.notices
    assert notice == (
        "Interface cali1 matched with multiple entries in datamodel; using workload endpoint web1/o/w/a,"
        " not workload endpoint web1/o/w/b"
    )


def test_interfaces_that_are_blocked_are_named_with_what_to_do_about_it() -> None:
    interfaces = ["eth0", "cali1", *(f"tap{number}" for number in range(7))]
    endpoints = {workload_key("a"): workload("a", "cali1")}
    (notice,) = resolve_workloads(endpoints, interfaces, ("cali", "tap")).notices
    assert notice == (
        "Blocked, since no active workload endpoint is known for it: tap0, tap1, tap2, tap3, tap4 and 2 more"
        " (where workloads are none of Catflap's, set InterfacePrefix to none)"
    )
    assert resolve_workloads(endpoints, interfaces, ("cali",)).notices == ()
