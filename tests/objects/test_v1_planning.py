from __future__ import annotations

import json
from typing import Any

import pytest
from tests.objects.documents import Document, applied, document, endpoint, planned, policy, profile
from tests.objects.stores import LimitedStore

from catflap.model import V1_ROOT
from catflap.objects.planning import Outcome, Planned, RefusedError, wanted
from catflap.objects.trees import read_objects
from catflap.objects.v1_planning import v1_paths

ENDPOINT = f"{V1_ROOT}host/web1/endpoint/web1-eth0"
RULES, LABELS, TAGS = (f"{V1_ROOT}policy/profile/base/{part}" for part in ("rules", "labels", "tags"))


def v1_store(**entries: bytes) -> LimitedStore:
    return LimitedStore(entries, 1, "etcd2://memory")


async def plan_one(item: Document, **entries: bytes) -> Planned:
    [found] = await planned(v1_store(**entries), item)
    return found


def changed(plan: Planned) -> dict[str, Any]:
    return {change.path: change.new and json.loads(change.new) for change in plan.changes}


async def test_a_document_becomes_the_keys_that_say_the_same() -> None:
    plan = await plan_one(endpoint())
    assert plan.outcome is Outcome.CREATED
    assert changed(plan) == {ENDPOINT: {"name": "eth0", "expected_ipv4_addrs": ["192.0.2.1"]}}


async def test_a_name_that_is_unique_on_its_host_only_is_completed() -> None:
    assert (await plan_one(endpoint("eth0"))).subject.name == "web1.eth0"


async def test_however_it_is_written_the_same_is_not_written_again() -> None:
    value = b'{ "expected_ipv4_addrs" : ["192.0.2.1"],\\n"profile_ids":[], "name":"eth0"}'.replace(
        b"\\n", b"\n"
    )
    assert (await plan_one(endpoint(), **{ENDPOINT: value})).outcome is Outcome.UNCHANGED


@pytest.mark.parametrize("value", [b"{", b'{"name": "eth1"}'])
async def test_what_says_something_else_is_replaced(value: bytes) -> None:
    plan = await plan_one(endpoint(), **{ENDPOINT: value})
    assert plan.outcome is Outcome.CONFIGURED
    assert plan.changes[0].old == value


async def test_types_are_filled_in() -> None:
    item = document("GlobalNetworkPolicy", "a", {"ingress": [{"action": "Allow"}]})
    [value] = changed(await plan_one(item)).values()
    assert value["types"] == ["ingress"]


async def test_every_reason_is_told() -> None:
    with pytest.raises(RefusedError) as raised:
        await planned(
            v1_store(),
            document("GlobalNetworkSet", "a", {"nets": ["10.0.0.0/8"]}),
            endpoint(),
            document("Tier", "b", {"order": 1, "defaultAction": "Pass"}),
            document("IPPool", "c"),
            document("FelixConfiguration", "default"),
            endpoint(resourceVersion="3"),
        )
    assert [(each.number, each.field) for each in raised.value.refusals] == [
        (0, "kind"),
        (2, "spec.defaultAction"),
        (3, "kind"),
        (4, "spec"),
        (5, "metadata.name"),
    ]


async def test_a_version_that_is_outdated() -> None:
    with pytest.raises(RefusedError, match="its version is 1 now"):
        await plan_one(endpoint(resourceVersion="3"), **{ENDPOINT: b"{}"})


async def test_the_parts_of_a_profile() -> None:
    assert set(changed(await plan_one(profile()))) == {RULES}
    assert set(changed(await plan_one(profile(labelsToApply={"a": "b"})))) == {RULES, LABELS}


async def test_a_part_of_a_profile_that_is_gone_from_its_document() -> None:
    rules = b'{"inbound_rules": [{"action": "allow"}], "outbound_rules": []}'
    entries = {RULES: rules, LABELS: b'{"a": "b"}', TAGS: b'["t"]'}
    assert changed(await plan_one(profile(), **entries)) == {LABELS: {}}


async def test_parameters_that_are_gone_from_their_document() -> None:
    item = document("FelixConfiguration", "default", {"LogSeverityScreen": "Debug"})
    entries = {f"{V1_ROOT}config/LogSeverityScreen": b"Debug", f"{V1_ROOT}config/InterfacePrefix": b"tap"}
    plan = await plan_one(item, **entries)
    assert [(change.path, change.new) for change in plan.changes] == [
        (f"{V1_ROOT}config/InterfacePrefix", None)
    ]


V1_WORLD: dict[str, object] = {
    "host/web1/endpoint/eth0": {"name": "eth0", "labels": {"role": "web"}, "profile_ids": ["base"]},
    "host/web2/endpoint/eth0": {"name": "eth0"},
    "policy/tier/admin/metadata": {"order": 5},
    "policy/tier/admin/policy/ssh": {"order": 1, "selector": "all()", "inbound_rules": [{"action": "allow"}]},
    "policy/profile/base/rules": {"inbound_rules": [{"action": "allow"}], "outbound_rules": []},
    "policy/profile/base/labels": {"a": "b"},
    "config/LogSeverityScreen": "Debug",
}


async def test_what_is_shown_can_be_applied_again_unchanged() -> None:
    entries = {
        V1_ROOT + path: value.encode() if isinstance(value, str) else json.dumps(value).encode()
        for path, value in V1_WORLD.items()
    }
    store = v1_store(**entries)
    kinds = ["HostEndpoint", "Tier", "GlobalNetworkPolicy", "Profile", "FelixConfiguration"]
    shown = [each.shown() or {} for each in await read_objects(store, kinds)]
    assert len(shown) == 6
    assert await applied(store, *shown) == ["unchanged"] * 6
    assert store.values == entries


async def test_what_is_applied_is_shown() -> None:
    store = v1_store()
    items = [endpoint(labels={"role": "web"}), policy(), profile(labelsToApply={"a": "b"})]
    assert await applied(store, *items) == ["created"] * 3
    assert await applied(store, *items) == ["unchanged"] * 3
    shown = [
        each.document
        for each in await read_objects(store, ["HostEndpoint", "GlobalNetworkPolicy", "Profile"])
    ]
    assert shown == [policy(), endpoint(labels={"role": "web"}), profile(labelsToApply={"a": "b"})]


def test_where_the_v1_tree_would_hold_a_document() -> None:
    tier = document("Tier", "admin", {"order": 1, "defaultAction": "Pass"})
    paths = [
        v1_paths(wanted(each)) for each in (endpoint(), policy(), profile(), tier, document("IPPool", "a"))
    ]
    assert paths == [
        [ENDPOINT],
        [f"{V1_ROOT}policy/tier/default/policy/ssh"],
        [RULES],
        [f"{V1_ROOT}policy/tier/admin/metadata"],
        [],
    ]
