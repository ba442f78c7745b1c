"""Changes against a real etcd: conditions, how far a write came, lost answers."""

from __future__ import annotations

import asyncio

import pytest
from aiohttp import web
from tests.store.etcd2.loopback import Lossy, serving

from catflap.lab.etcd import EtcdServer
from catflap.store import ABSENT, StoreConflictError, StoreError, StoreOptions, StoreUnavailableError
from catflap.store.etcd2 import Etcd2Store

A, B, C = "/calico/v1/a", "/calico/v1/b", "/calico/v1/c"


@pytest.fixture
async def store(etcd: EtcdServer) -> Etcd2Store:
    return Etcd2Store([etcd.endpoint], StoreOptions())


async def values(store: Etcd2Store) -> dict[str, bytes]:
    return {path: entry.value for path, entry in (await store.read("/calico/v1/")).entries.items()}


async def test_a_change_whose_condition_holds_is_made(store: Etcd2Store) -> None:
    first = await store.write([(A, b"1")], {A: ABSENT})
    second = await store.write([(A, b"2")], {A: first})
    assert await store.get(A) == b"2"
    assert await store.write([(A, None)], {A: second}) > second > first
    assert await store.get(A) is None


@pytest.mark.parametrize("value", [b"2", None])
async def test_another_version_is_a_conflict_and_nothing_is_written(
    store: Etcd2Store, value: bytes | None
) -> None:
    version = await store.write([(A, b"1")])
    for expected in (ABSENT, version - 1, version + 1):
        with pytest.raises(StoreConflictError, match=f"{A} changed meanwhile: nothing was written") as caught:
            await store.write([(A, value)], {A: expected})
        assert caught.value.paths == (A,)
    with pytest.raises(StoreConflictError):
        await store.write([(B, value)], {B: version})
    assert await values(store) == {A: b"1"}


async def test_all_conditions_are_checked_before_the_first_change(store: Etcd2Store) -> None:
    version = await store.write([(A, b"1")])
    with pytest.raises(StoreConflictError, match="nothing was written") as caught:
        await store.write([(C, b"2"), (A, b"2")], {C: ABSENT, A: version + 1, B: version})
    assert set(caught.value.paths) == {A, B}
    assert await values(store) == {A: b"1"}


async def test_a_path_that_does_not_change_may_be_a_condition(store: Etcd2Store) -> None:
    version = await store.write([(A, b"1")])
    await store.write([(B, b"2")], {A: version, C: ABSENT})
    assert await values(store) == {A: b"1", B: b"2"}
    assert await store.write([], {A: version}) > version


async def test_what_must_not_be_there_need_not_be_deleted(store: Etcd2Store) -> None:
    version = await store.write([(A, b"1")])
    assert await store.write([(B, None)], {B: ABSENT}) == version
    assert await store.write([(B, None)]) == version


async def test_what_the_api_cannot_hold_is_refused_before_anything_is_written(store: Etcd2Store) -> None:
    with pytest.raises(StoreError, match="UTF-8"):
        await store.write([(A, b"1"), (B, b"\xff")])
    assert await values(store) == {}


async def test_a_write_that_fails_half_way_says_how_far_it_came(store: Etcd2Store) -> None:
    directory = "/calico/v1/dir"
    await store.write([(f"{directory}/key", b"1")])
    with pytest.raises(
        StoreError, match=f"is a directory.*1 of 2 changes were made before {directory}.*: {A}"
    ):
        await store.write([(A, b"1"), (directory, b"1")])
    assert await store.get(A) == b"1"


async def test_below_a_value_there_is_no_place(store: Etcd2Store) -> None:
    await store.write([(A, b"1")])
    with pytest.raises(StoreError, match=f"etcd refuses {A}/below: Not a directory"):
        await store.write([(f"{A}/below", b"1")], {f"{A}/below": ABSENT})
    await store.write([(f"{A}/below", None)])


async def test_of_two_who_saw_the_same_version_one_writes(store: Etcd2Store) -> None:
    for _ in range(10):
        version = await store.write([(A, b"0")])
        results = await asyncio.gather(
            *(store.write([(A, str(writer).encode())], {A: version}) for writer in range(4)),
            return_exceptions=True,
        )
        assert sum(isinstance(result, int) for result in results) == 1
        assert sum(isinstance(result, StoreConflictError) for result in results) == 3


@pytest.mark.parametrize("value", [b"2", None])
async def test_a_change_whose_answer_is_lost_is_found_and_not_made_again(
    etcd: EtcdServer, store: Etcd2Store, value: bytes | None
) -> None:
    version = await store.write([(A, b"1")])
    lossy = Lossy(etcd.endpoint, made=True)
    async with serving(lossy.answer) as endpoint:
        behind = Etcd2Store([endpoint], StoreOptions())
        index = await behind.write([(A, value), (B, b"3")], {A: version})
    assert lossy.writes == 2
    assert await values(store) == ({B: b"3"} if value is None else {A: value, B: b"3"})
    assert index == version + 2


@pytest.mark.parametrize("value", [b"2", None])
async def test_a_change_that_was_lost_itself_is_an_error_and_not_made_again(
    etcd: EtcdServer, store: Etcd2Store, value: bytes | None
) -> None:
    await store.write([(A, b"1")])
    lossy = Lossy(etcd.endpoint, made=False)
    async with serving(lossy.answer) as endpoint:
        with pytest.raises(
            StoreUnavailableError, match="was lost, and the store does not hold what was written"
        ):
            await Etcd2Store([endpoint], StoreOptions()).write([(A, value)])
    assert lossy.writes == 1
    assert await values(store) == {A: b"1"}


async def test_the_same_value_from_before_is_not_taken_for_what_was_lost(
    etcd: EtcdServer, store: Etcd2Store
) -> None:
    await store.write([(A, b"1")])
    async with serving(Lossy(etcd.endpoint, made=False).answer) as endpoint:
        with pytest.raises(StoreUnavailableError, match="was lost"):
            await Etcd2Store([endpoint], StoreOptions()).write([(A, b"1")])


async def test_what_was_overwritten_at_once_is_not_claimed(etcd: EtcdServer) -> None:
    async with serving(Lossy(etcd.endpoint, made=True, value_after="theirs").answer) as endpoint:
        with pytest.raises(StoreUnavailableError, match="read it before trying again"):
            await Etcd2Store([endpoint], StoreOptions()).write([(A, b"ours")])


async def test_when_nobody_can_be_asked_the_text_says_so(own_etcd: EtcdServer) -> None:
    async def die(request: web.Request) -> web.StreamResponse:
        if request.method == "GET":
            return await lossy.answer(request)
        own_etcd.kill()
        assert request.transport is not None
        request.transport.abort()
        return web.Response()

    lossy = Lossy(own_etcd.endpoint, made=True)
    async with serving(die) as endpoint:
        with pytest.raises(
            StoreUnavailableError, match=f"answer to the write of {A} was lost, and it cannot be read"
        ):
            await Etcd2Store([endpoint], StoreOptions()).write([(A, b"1")])


async def test_another_member_tells_what_became_of_a_change(etcd: EtcdServer) -> None:
    lossy = Lossy(etcd.endpoint, made=True)

    async def die_after_the_first_write(request: web.Request) -> web.StreamResponse:
        if lossy.writes:
            return web.Response(status=503)
        return await lossy.answer(request)

    async with serving(die_after_the_first_write) as endpoint:
        store = Etcd2Store([endpoint, etcd.endpoint], StoreOptions())
        while not lossy.writes:  # members are tried in random order
            await store.write([(A, b"1"), (B, b"2")])
        assert await values(store) == {A: b"1", B: b"2"}
