from __future__ import annotations

import json
import time

import pytest
from msgspec import structs
from tests.objects.documents import endpoint, planned, stored
from tests.objects.stores import LimitedStore

from catflap.cli.outcomes import Item, Result, carried_out, print_result
from catflap.store import Store

ITEMS = [Item("HostEndpoint", "", "a", "created"), Item("NetworkSet", "shop", "b", "unchanged")]
RESULT = Result(store="etcd://memory", dry_run=False, revision=57, steps=3, seconds=0.25, objects=ITEMS)
NOTHING = structs.replace(RESULT, revision=None, steps=0, objects=[])


async def outcome(store: Store, *, dry_run: bool = False) -> Result:
    return await carried_out(store, await planned(store, endpoint()), time.monotonic(), dry_run=dry_run)


async def test_what_is_written() -> None:
    store = LimitedStore({}, 128)
    result = await outcome(store)
    assert (result.revision, result.steps, len(store.values)) == (2, 1, 1)
    assert result.objects == [Item("HostEndpoint", "", "web1-eth0", "created")]


async def test_what_is_not_written() -> None:
    assert (await outcome(LimitedStore(stored(endpoint()), 128))).revision is None
    store = LimitedStore({}, 128)
    assert (await outcome(store, dry_run=True)).revision is None
    assert store.values == {}


def test_a_result_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    print_result(RESULT, "table")
    assert capsys.readouterr().out.splitlines() == [
        "hostendpoint/a created",
        "networkset/b in namespace shop unchanged",
        "2 objects in etcd://memory: 1 created, 1 unchanged; revision 57 in 3 steps, 250 ms",
    ]


def test_a_result_without_objects(capsys: pytest.CaptureFixture[str]) -> None:
    print_result(NOTHING, "table")
    assert capsys.readouterr().out == "0 objects in etcd://memory: none; nothing to write\n"


def test_names_and_data(capsys: pytest.CaptureFixture[str]) -> None:
    print_result(RESULT, "name")
    assert capsys.readouterr().out == "hostendpoint/a\nnetworkset/b\n"
    print_result(RESULT, "json")
    assert json.loads(capsys.readouterr().out)["objects"][0]["outcome"] == "created"
