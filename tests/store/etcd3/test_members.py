"""Which member is asked; and members of a real cluster that may not or cannot serve yet: learners, and late ones."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import TYPE_CHECKING

import pytest
from tests.store.following import Following

from catflap.lab.etcd import EtcdServer, add_learner, cluster, free_port
from catflap.store import Connected, Delta, Disconnected, Snapshot, StoreOptions, StoreUnavailableError
from catflap.store.etcd3 import Etcd3Store
from catflap.store.etcd3.connection import Connection
from catflap.store.etcd3.credentials import Login
from catflap.store.etcd3.follower import Etcd3Session
from catflap.store.etcd3.members import Members

if TYPE_CHECKING:
    from collections.abc import Iterator


async def test_all_share_one_connection_as_long_as_its_member_serves(own_etcd: EtcdServer) -> None:
    members = Members([own_etcd.endpoint], StoreOptions())
    first, revision = await members.reach()
    own_etcd.etcdctl("put", "/calico/v1/a", "1")
    assert await members.reach() == (first, revision + 1)
    own_etcd.kill()
    with pytest.raises(StoreUnavailableError):
        await members.reach()
    own_etcd.start()
    assert (await members.reach())[0] is not first
    await members.close()


async def test_when_none_serves_each_is_named_with_its_reason() -> None:
    closed = [f"127.0.0.1:{free_port()}" for _ in range(2)]
    with pytest.raises(StoreUnavailableError) as caught:
        await Members(closed, StoreOptions()).reach()
    assert all(f"{endpoint}: " in str(caught.value) for endpoint in closed)
    assert "refused" in str(caught.value)


@pytest.fixture(scope="module")
def voters() -> Iterator[list[EtcdServer]]:
    voters = cluster(3)
    yield voters
    for voter in voters:
        voter.close()


@pytest.fixture
def learner(voters: list[EtcdServer]) -> Iterator[EtcdServer]:
    learner = add_learner(voters)
    yield learner
    learner.close()


async def test_a_learner_is_left(voters: list[EtcdServer], learner: EtcdServer) -> None:
    alone = Etcd3Store([learner.endpoint], StoreOptions())
    assert "not supported for learner" in (await Following(alone.follow()).next(Disconnected)).reason
    await alone.close()
    for _ in range(4):  # the order of the members is random
        store = Etcd3Store([learner.endpoint, voters[0].endpoint], StoreOptions())
        follower = Following(store.follow())
        await follower.next(Snapshot)
        await store.write([("/calico/v1/a", b"1")])
        await follower.next(Delta)
        await store.close()


async def test_a_member_that_wakes_up_behind_tells_nothing_old(voters: list[EtcdServer]) -> None:
    lagging = next(voter for voter in voters if not voter.leads())
    others = [voter for voter in voters if voter is not lagging]
    store = Etcd3Store([voter.endpoint for voter in others], StoreOptions())
    session = Etcd3Session(lambda endpoint: Connection(endpoint, Login(StoreOptions()), None))
    lagging.freeze()
    async with aclosing(session.run(others[0].endpoint)) as events:
        follower = Following(events)
        await follower.next(Snapshot)
        for number in range(100):
            last = await store.write([("/calico/v1/b", str(number).encode())])
        await follower.until(lambda seen: seen.entries.get("/calico/v1/b") == b"99")
    asyncio.get_running_loop().call_later(0.1, lagging.thaw)
    async with aclosing(session.run(lagging.endpoint)) as events:
        follower = Following(events)
        await follower.next(Connected)
        await store.write([("/calico/v1/b", b"new")])
        delta = await follower.next(Delta)
    assert delta.changes == (("/calico/v1/b", b"new"),)
    assert delta.revision > last
    await store.close()
