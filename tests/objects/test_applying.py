from __future__ import annotations

import string
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.objects.documents import (
    Document,
    applied,
    document,
    endpoint,
    planned,
    policy,
    profile,
    stored,
    wanted_of,
)
from tests.objects.stores import LimitedStore

from catflap.objects.applying import carry_out
from catflap.objects.errors import ChangedMeanwhileError
from catflap.objects.lookup import find_documented, unique
from catflap.objects.planning import deletion
from catflap.objects.stored import Subject
from catflap.objects.trees import read_objects
from catflap.store import Store

KINDS = ["HostEndpoint", "GlobalNetworkPolicy", "Profile", "Tier", "NetworkSet"]
STORES = [(None, "etcd://memory"), (128, "etcd://memory"), (3, "etcd://memory"), (1, "etcd2://memory")]

labels = st.dictionaries(st.sampled_from("abc"), st.sampled_from("xyz"))
names = st.text(string.ascii_lowercase, min_size=1, max_size=2)
objects = st.one_of(
    st.builds(lambda name, labels: endpoint(f"web1-{name}", labels=labels), names, labels),
    st.builds(policy, names, st.integers(1, 65535)),
    st.builds(lambda name, labels: profile(name, labelsToApply=labels), names, labels),
    st.builds(lambda name, order: document("Tier", name, {"order": order}), names, st.integers(1, 9)),
)
worlds = st.lists(objects, max_size=12, unique_by=lambda each: (each["kind"], each["metadata"]["name"]))


def content(item: Mapping[str, object]) -> tuple[object, object]:
    metadata = item["metadata"]
    assert isinstance(metadata, dict)
    kept = {name: value for name, value in metadata.items() if name in ("name", "labels") and value}
    spec = {name: value for name, value in dict(item["spec"]).items() if value}  # type: ignore[call-overload]  # a dict
    return kept, spec


async def world_in(store: Store) -> dict[Subject, object]:
    return {each.subject: content(each.document or {}) for each in await read_objects(store, KINDS)}


def world_of(*documents: Document) -> dict[Subject, object]:
    return {item.subject: content(each) for item, each in zip(wanted_of(*documents), documents, strict=True)}


@pytest.mark.parametrize(("limit", "url"), STORES)
@given(before=worlds, after=worlds)
async def test_any_world_becomes_any_other(
    limit: int | None, url: str, before: list[Document], after: list[Document]
) -> None:
    store = LimitedStore({}, limit, url)
    await applied(store, *before)
    assert await world_in(store) == world_of(*before)

    words = await applied(store, *after)
    assert await world_in(store) == {**world_of(*before), **world_of(*after)}
    same = {subject for subject, each in world_of(*after).items() if world_of(*before).get(subject) == each}
    assert words.count("unchanged") == len(same)

    revision = (await store.read("/")).revision
    shown = [each.shown() or {} for each in await read_objects(store, KINDS)]
    assert await applied(store, *shown) == ["unchanged"] * len(shown)
    assert (await store.read("/")).revision == revision

    found = await find_documented(store, wanted_of(*before))
    await carry_out(store, deletion(unique(each for group in found for each in group)), "ada@admin1")
    gone = world_of(*before).keys()
    assert await world_in(store) == {key: each for key, each in world_of(*after).items() if key not in gone}


async def test_nothing_to_write_is_not_written() -> None:
    store = LimitedStore(stored(endpoint()), 128)
    assert await carry_out(store, await planned(store, endpoint()), "ada@admin1") is None


@pytest.mark.parametrize(("limit", "url"), STORES)
async def test_two_at_the_same_time_do_not_overwrite_each_other(limit: int | None, url: str) -> None:
    store = LimitedStore({}, limit, url)
    await applied(store, policy(port=22), endpoint())
    mine = await planned(store, policy(port=80), endpoint())
    await applied(store, policy(port=443))
    with pytest.raises(
        ChangedMeanwhileError, match=r"^globalnetworkpolicy/ssh: it was changed meanwhile, to version"
    ):
        await carry_out(store, mine, "ada@admin1")
    assert await applied(store, policy(port=443)) == ["unchanged"]


async def test_one_that_was_deleted_meanwhile() -> None:
    store = LimitedStore(stored(policy()), 128)
    mine = await planned(store, policy(port=80))
    store.change([(path, None) for path in store.values])
    with pytest.raises(ChangedMeanwhileError, match="it was deleted meanwhile"):
        await carry_out(store, mine, "ada@admin1")
