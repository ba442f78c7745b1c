from __future__ import annotations

import json
from typing import Any

import pytest
from tests.objects.documents import Document, document, endpoint, planned, policy, profile, stored
from tests.objects.stores import LimitedStore

from catflap.model import V1_ROOT
from catflap.objects.planning import Outcome, Planned, RefusedError

V1_POLICY = {
    "order": 10,
    "selector": "all()",
    "inbound_rules": [{"action": "allow", "protocol": "tcp", "dst_ports": [22]}],
    "types": ["ingress"],
}


async def plan_one(item: Document, **entries: bytes) -> Planned:
    [found] = await planned(LimitedStore(entries), item)
    return found


def value_of(plan: Planned) -> dict[str, Any]:
    [change] = plan.changes
    assert change.new is not None
    result: dict[str, Any] = json.loads(change.new)
    return result


async def test_a_new_object_is_marked() -> None:
    plan = await plan_one(endpoint())
    assert plan.outcome is Outcome.CREATED
    metadata = value_of(plan)["metadata"]
    assert set(metadata) == {"name", "uid", "creationTimestamp"}
    assert plan.document == value_of(plan)


async def test_a_changed_object_keeps_its_marks_and_loses_what_its_document_leaves_out() -> None:
    old = endpoint(uid="u1", creationTimestamp="2026-01-01T00:00:00Z", labels={"a": "b"})
    plan = await plan_one(endpoint(resourceVersion="1"), **stored(old))
    assert plan.outcome is Outcome.CONFIGURED
    assert value_of(plan) == endpoint(uid="u1", creationTimestamp="2026-01-01T00:00:00Z")


async def test_types_are_filled_in() -> None:
    item = document("GlobalNetworkPolicy", "a", {"egress": [{"action": "Allow"}]})
    assert value_of(await plan_one(item))["spec"]["types"] == ["Egress"]


@pytest.mark.parametrize(
    "old", [endpoint(), endpoint(uid="u1", creationTimestamp="2026-01-01T00:00:00Z"), endpoint(uid="u1")]
)
async def test_what_is_stored_already_is_not_written(old: Document) -> None:
    plan = await plan_one(endpoint(), **stored(old))
    assert (plan.outcome, plan.changes) == (Outcome.UNCHANGED, ())


async def test_what_was_put_by_hand_is_not_written_only_to_fill_it_in() -> None:
    item = document("GlobalNetworkPolicy", "a", {"egress": [{"action": "Allow"}]})
    assert (await plan_one(item, **stored(item))).outcome is Outcome.UNCHANGED


async def test_an_invalid_object_is_replaced() -> None:
    [path] = stored(endpoint())
    for value in (b"{", b"[]", b'{"metadata": 7}'):
        assert (await plan_one(endpoint(), **{path: value})).outcome is Outcome.CONFIGURED


async def test_all_refusals_are_told() -> None:
    store = LimitedStore(stored(endpoint("b")))
    with pytest.raises(RefusedError) as raised:
        await planned(store, endpoint("a", resourceVersion="9"), policy(), endpoint("b", resourceVersion="9"))
    assert [each.number for each in raised.value.refusals] == [0, 2]


TWINS: list[tuple[Document, str, object]] = [
    (policy(), "policy/tier/default/policy/ssh", V1_POLICY),
    (
        endpoint("web1-eth0"),
        "host/web1/endpoint/web1-eth0",
        {"name": "eth0", "expected_ipv4_addrs": ["192.0.2.1"]},
    ),
    (profile(), "policy/profile/base/rules", {"inbound_rules": [{"action": "allow"}], "outbound_rules": []}),
]


@pytest.mark.parametrize(("item", "path", "value"), TWINS)
async def test_a_twin_in_the_v1_tree_that_says_the_same(item: Document, path: str, value: object) -> None:
    plan = await plan_one(item, **{V1_ROOT + path: json.dumps(value).encode()})
    assert (plan.outcome, plan.changes) == (Outcome.UNCHANGED, ())


@pytest.mark.parametrize(("item", "path"), [(item, path) for item, path, _ in TWINS])
async def test_a_twin_in_the_v1_tree_that_says_something_else(item: Document, path: str) -> None:
    with pytest.raises(RefusedError, match=f"{V1_ROOT}{path}.*catflap delete"):
        await plan_one(item, **{V1_ROOT + path: b"{}"})


async def test_a_twin_that_cannot_say_what_the_document_says() -> None:
    tier = document("Tier", "admin", {"order": 1, "defaultAction": "Pass"})
    with pytest.raises(RefusedError, match="policy/tier/admin/metadata"):
        await plan_one(tier, **{f"{V1_ROOT}policy/tier/admin/metadata": b'{"order": 1}'})


async def test_parameters_may_stand_in_both_trees() -> None:
    item = document("FelixConfiguration", "default", {"logSeverityScreen": "Debug"})
    plan = await plan_one(item, **{f"{V1_ROOT}config/LogSeverityScreen": b"info"})
    assert plan.outcome is Outcome.CREATED


CONFIGURATION = {f"{V1_ROOT}config/LogSeverityScreen": b"info", f"{V1_ROOT}config/LogSeverityFile": b"none"}


@pytest.mark.parametrize(
    ("kind", "spec", "version", "entries"),
    [
        ("ClusterInformation", {"datastoreReady": True}, "1", {f"{V1_ROOT}Ready": b"true"}),
        (
            "FelixConfiguration",
            {"logSeverityScreen": "info", "logSeverityFile": "none"},
            "1-1",
            CONFIGURATION,
        ),
    ],
)
async def test_what_was_shown_from_the_v1_tree_is_unchanged(
    kind: str, spec: Document, version: str, entries: dict[str, bytes]
) -> None:
    plan = await plan_one(document(kind, "default", spec, resourceVersion=version), **entries)
    assert (plan.outcome, plan.changes) == (Outcome.UNCHANGED, ())


@pytest.mark.parametrize(
    "spec", [{"logSeverityScreen": "info"}, {"logSeverityScreen": "debug", "logSeverityFile": "none"}]
)
async def test_what_was_shown_from_the_v1_tree_is_changed_there(spec: Document) -> None:
    item = document("FelixConfiguration", "default", spec, resourceVersion="1-1")
    with pytest.raises(RefusedError, match="change it there"):
        await plan_one(item, **CONFIGURATION)


async def test_a_directory_has_one_tree_and_its_files_are_not_marked() -> None:
    class Directory(LimitedStore):
        driver = "directory"

    store = Directory({f"{V1_ROOT}policy/tier/default/policy/ssh": b"{}"})
    [plan] = await planned(store, policy(resourceVersion=None))
    assert plan.outcome is Outcome.CREATED
    assert value_of(plan) == policy()
