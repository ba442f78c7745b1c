from __future__ import annotations

from pathlib import Path

import pytest
from tests.objects.documents import document, endpoint, policy, stored
from tests.objects.stores import LimitedStore

from catflap.model import V1_ROOT
from catflap.model.v3_documents import PLURALS
from catflap.objects.stored import Tree
from catflap.objects.trees import read_objects, trees_of, written_tree
from catflap.store import open_store

V1 = {
    f"{V1_ROOT}host/web1/endpoint/eth1": b'{"name": "eth1"}',
    f"{V1_ROOT}policy/tier/default/policy/web": b'{"inbound_rules": []}',
    f"{V1_ROOT}Ready": b"true",
}


@pytest.mark.parametrize(
    ("url", "trees"),
    [
        ("etcd://localhost", (Tree.V3, Tree.V1)),
        ("etcds://localhost", (Tree.V3, Tree.V1)),
        ("etcd2://localhost", (Tree.V1,)),
        ("etcd2s://localhost", (Tree.V1,)),
        ("dir:/tmp", (Tree.V3,)),
    ],
)
async def test_the_trees_of_each_store(url: str, trees: tuple[Tree, ...]) -> None:
    store = open_store(url)
    assert trees_of(store) == trees
    assert written_tree(store) is trees[0]
    await store.close()


async def test_objects_of_both_trees_in_order() -> None:
    store = LimitedStore({**V1, **stored(endpoint(), policy("web"), policy("ssh"), document("Tier", "a"))})
    found = await read_objects(store, ["HostEndpoint", "GlobalNetworkPolicy"])
    assert [(each.subject.title, each.tree) for each in found] == [
        ("globalnetworkpolicy/ssh", Tree.V3),
        ("globalnetworkpolicy/web", Tree.V3),
        ("globalnetworkpolicy/web", Tree.V1),
        ("hostendpoint/web1-eth0", Tree.V3),
        ("hostendpoint/web1.eth1", Tree.V1),
    ]


async def test_every_kind_can_be_read() -> None:
    store = LimitedStore({**V1, **stored(endpoint(), document("IPPool", "a"))})
    titles = [each.subject.title for each in await read_objects(store, PLURALS)]
    assert {"ippool/a", "clusterinformation/default"} <= set(titles)
    assert len(titles) == 5


async def test_a_directory(tmp_path: Path) -> None:
    store = open_store(f"dir:{tmp_path}")
    await store.write(list(stored(endpoint()).items()))
    [found] = await read_objects(store, ["HostEndpoint"])
    assert found.subject.name == "web1-eth0"
    await store.close()
