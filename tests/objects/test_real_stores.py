"""The same in real stores: etcd with both APIs, and a directory."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from tests.objects.documents import Document, applied, endpoint, planned, policy, profile, wanted_of

from catflap.lab.etcd import EtcdServer
from catflap.model.changes import CHANGE_PATH, JOURNAL_ROOT
from catflap.objects.applying import carry_out
from catflap.objects.claim import read_header
from catflap.objects.errors import ChangedMeanwhileError, ChangeInProgressError
from catflap.objects.lookup import find_documented
from catflap.objects.planning import RefusedError, deletion
from catflap.objects.recovery import recover
from catflap.objects.settling import End
from catflap.objects.trees import read_objects
from catflap.store import Delta, Snapshot, Store, open_store

KINDS = ["HostEndpoint", "GlobalNetworkPolicy", "Profile"]
MANY = 300  # more than one transaction takes

# Applies that many policies, and kills itself in the given step.
DYING = """
import asyncio, os, signal, sys
from tests.objects.documents import planned, policy
from catflap.objects.applying import carry_out
from catflap.store import open_store

async def main(url, step):
    store = open_store(url)
    plans = await planned(store, *(policy(f"p{number:03}", 80) for number in range(300)))

    def progress(done, steps):
        if done == step:
            os.kill(os.getpid(), signal.SIGKILL)

    await carry_out(store, plans, "ada@admin1", progress)

asyncio.run(main(sys.argv[1], int(sys.argv[2])))
"""


@pytest.fixture(scope="module")
def server() -> Iterator[EtcdServer]:
    with EtcdServer() as started:
        yield started


@pytest.fixture(params=["etcd", "etcd2", "dir"])
def url(request: pytest.FixtureRequest, tmp_path: Path, server: EtcdServer) -> str:
    """An empty store of each kind."""
    if request.param == "dir":
        return f"dir:{tmp_path}"
    empty(server)
    return f"{request.param}://{server.endpoint}"


def empty(server: EtcdServer) -> None:
    server.etcdctl("del", "--prefix", "/calico")
    if "/calico" in server.etcdctl("ls", "/", api=2).split():
        server.etcdctl("rm", "--recursive", "/calico", api=2)


@contextlib.asynccontextmanager
async def opened(url: str) -> AsyncIterator[Store]:
    store = open_store(url)
    yield store
    await store.close()


@pytest.fixture
async def store(url: str) -> AsyncIterator[Store]:
    async with opened(url) as made:
        yield made


def many(port: int = 22) -> list[Document]:
    return [policy(f"p{number:03}", port) for number in range(MANY)]


async def delete(store: Store, *documents: Document) -> None:
    found = await find_documented(store, wanted_of(*documents))
    await carry_out(store, deletion([each for group in found for each in group]), "ada@admin1")


async def test_from_nothing_to_nothing(store: Store) -> None:
    items = [endpoint(), policy(), profile(labelsToApply={"a": "b"})]
    assert await applied(store, *items) == ["created"] * 3
    assert await applied(store, *items) == ["unchanged"] * 3
    assert await applied(store, endpoint(), policy(port=80)) == ["unchanged", "configured"]
    shown = [each.shown() or {} for each in await read_objects(store, KINDS)]
    assert len(shown) == 3
    assert await applied(store, *shown) == ["unchanged"] * 3
    await delete(store, *items)
    assert await read_objects(store, KINDS) == []


async def test_more_than_one_transaction_takes(store: Store) -> None:
    assert await applied(store, *many()) == ["created"] * MANY
    assert await applied(store, *many(), endpoint()) == [*["unchanged"] * MANY, "created"]
    assert await applied(store, *many(80)) == ["configured"] * MANY
    await delete(store, *many())
    assert [each.subject.kind for each in await read_objects(store, KINDS)] == ["HostEndpoint"]
    assert await read_header(store) == (None, 0)
    if not store.url.startswith("dir"):
        assert (await store.read(JOURNAL_ROOT)).entries == {}


async def test_two_at_the_same_time(store: Store) -> None:
    await applied(store, policy(), endpoint())
    mine = await planned(store, policy(port=80))
    await applied(store, policy(port=443))
    with pytest.raises(ChangedMeanwhileError, match="globalnetworkpolicy/ssh: it was changed meanwhile"):
        await carry_out(store, mine, "ada@admin1")
    first = await planned(store, policy("new"))
    await applied(store, policy("new", 80))
    with pytest.raises(ChangedMeanwhileError):
        await carry_out(store, first, "ada@admin1")
    assert await applied(store, policy(port=443), policy("new", 80)) == ["unchanged"] * 2


async def test_an_outdated_version(store: Store) -> None:
    await applied(store, policy())
    [seen] = [each.shown() or {} for each in await read_objects(store, KINDS)]
    await applied(store, policy(port=80))
    with pytest.raises(RefusedError, match=f"is {seen['metadata']['resourceVersion']}, but its version is"):
        await applied(store, seen)


@pytest.mark.parametrize("scheme", ["etcd", "etcd2"])
@pytest.mark.parametrize("end", End)
async def test_an_author_who_is_killed(server: EtcdServer, scheme: str, end: End) -> None:
    empty(server)
    url = f"{scheme}://{server.endpoint}"
    async with opened(url) as store:
        await applied(store, *many(), endpoint())
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
        author = await asyncio.create_subprocess_exec(sys.executable, "-c", DYING, url, "2", env=environment)
        assert await author.wait() == -signal.SIGKILL

        with pytest.raises(ChangeInProgressError, match=r"300 objects by ada@admin1.* to 2 of 3 steps"):
            await applied(store, policy("another"))
        recovered = await recover(store, end)
        assert recovered is not None
        assert recovered.untouched == ()
        port = 80 if end is End.FINISH else 22
        assert await applied(store, *many(port), endpoint()) == ["unchanged"] * (MANY + 1)
        assert (await store.read(JOURNAL_ROOT)).entries == {}


async def test_a_thousand_documents_as_an_agent_sees_them(store: Store) -> None:
    """Who holds back while the header exists never sees a part of them."""
    documents = [endpoint(f"web{number}-eth0", f"web{number}") for number in range(1000)]
    await applied(store, policy())
    seen: dict[str, bytes] = {}
    counts: list[int] = []
    followed = asyncio.Event()

    async def follow() -> None:
        async with opened(store.url) as followed_store:
            async for event in followed_store.follow():
                if isinstance(event, Snapshot):
                    seen.update(event.entries)
                elif isinstance(event, Delta):
                    for path, value in event.changes:
                        seen.pop(path, None) if value is None else seen.__setitem__(path, value)
                followed.set()
                if CHANGE_PATH not in seen:
                    counts.append(sum("endpoint" in path for path in seen))
                if counts and counts[-1] == len(documents):
                    return

    follower = asyncio.create_task(follow())
    await followed.wait()
    assert await applied(store, *documents) == ["created"] * 1000
    await asyncio.wait_for(follower, 20)
    assert set(counts) == {0, 1000}
