"""Users of a real etcd: tokens that expire, authentication that is switched, permissions, and what no text may hold."""

from __future__ import annotations

import asyncio
import logging
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest
from tests.store.following import Following

from catflap.lab.etcd import EtcdServer
from catflap.store import Alive, Connected, Delta, Disconnected, Snapshot, StoreDeniedError, StoreOptions
from catflap.store.etcd3 import Etcd3Store
from catflap.store.etcd3.connection import Connection
from catflap.store.etcd3.credentials import Login
from catflap.store.etcd3.follower import Tuning

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

ROOT = "--user=root:secret"
PASSWORD = "open-sesame"  # noqa: S105 - of a server that lives for a test
AGENT = StoreOptions(username="agent", password=PASSWORD)
QUICK = Tuning(silence=0.05, grace=0.05)
TOKEN_LIFE = 1  # seconds


@pytest.fixture
def server() -> Iterator[EtcdServer]:
    """With users, whose passwords are not asked for yet: `agent` may read what is followed, and write one key."""
    with EtcdServer(arguments=[f"--auth-token-ttl={TOKEN_LIFE}", "--bcrypt-cost=4"]) as server:
        for command in (
            "user add root:secret",
            f"user add agent:{PASSWORD}",
            "role add agent",
            "role grant-permission agent read /calico/resources/v3/ /calico/v10",
            "role grant-permission agent write /calico/v1/own",
            "user grant-role root root",
            "user grant-role agent agent",
        ):
            server.etcdctl(*command.split())
        yield server


@pytest.fixture
def guarded(server: EtcdServer) -> EtcdServer:
    server.etcdctl("auth", "enable")
    return server


@asynccontextmanager
async def following(
    server: EtcdServer, options: StoreOptions = AGENT, tuning: Tuning = QUICK
) -> AsyncIterator[tuple[Etcd3Store, Following]]:
    store = Etcd3Store([server.endpoint], options, tuning=tuning)
    follower = Following(store.follow())
    try:
        await follower.next(Snapshot)
        yield store, follower
    finally:
        await store.close()


async def test_a_token_that_expires_in_silence_is_renewed_and_the_watch_kept(guarded: EtcdServer) -> None:
    silence = Tuning(silence=TOKEN_LIFE + 1.5)  # each use of a token renews it, and etcd looks once a second
    async with following(guarded, tuning=silence) as (store, follower):
        first = store._members.login.token
        await follower.until(lambda _: store._members.login.token != first)
        guarded.etcdctl("put", "/calico/v1/a", "1", ROOT)
        await follower.next(Delta)
    assert follower.count(Disconnected) == 0


async def test_authentication_may_be_switched_on_and_off_while_connected(
    server: EtcdServer, caplog: pytest.LogCaptureFixture
) -> None:
    async with following(server) as (store, follower):
        assert store._members.login.token is None
        await asyncio.to_thread(server.etcdctl, "auth", "enable")
        await follower.until(lambda _: store._members.login.token is not None)
        await asyncio.to_thread(server.etcdctl, "auth", "disable", ROOT)
        await follower.next(Alive)
        await store.write([("/calico/v1/a", b"1")])
        await follower.next(Delta)
    assert follower.count(Disconnected) == 0
    warnings = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert len(warnings) == 2  # in the beginning, and when it was switched off again
    assert f"etcd {server.endpoint} does not ask who anybody is" in warnings[0]


async def test_who_has_no_user_is_told_when_authentication_is_switched_on(server: EtcdServer) -> None:
    async with following(server, StoreOptions()) as (_, follower):
        await asyncio.to_thread(server.etcdctl, "auth", "enable")
        await follower.until(lambda seen: seen.count(Disconnected) == 1)
        outage = follower.events[-1]
        assert isinstance(outage, Disconnected)
        assert "give a user name and password" in outage.reason
        await asyncio.to_thread(server.etcdctl, "auth", "disable", ROOT)
        await follower.until(lambda seen: seen.count(Connected) == 1)


async def test_a_revoked_permission_is_noticed_and_named(guarded: EtcdServer) -> None:
    key_range = "/calico/resources/v3/", "/calico/v10"
    async with following(guarded) as (_, follower):
        revocation = ("role", "revoke-permission", "agent", *key_range, ROOT)
        await asyncio.to_thread(guarded.etcdctl, *revocation)
        outage = await follower.next(Disconnected)
        assert "user 'agent' has no role with read permission" in outage.reason
        grant = ("role", "grant-permission", "agent", "read", *key_range, ROOT)
        await asyncio.to_thread(guarded.etcdctl, *grant)
        await follower.next(Connected)
    assert follower.count(Snapshot) == 1


async def test_a_write_without_permission_names_the_keys(guarded: EtcdServer) -> None:
    async with following(guarded) as (store, _):
        await store.write([("/calico/v1/own", b"1")])
        with pytest.raises(
            StoreDeniedError, match=r"refuses to write /calico/v1/a: user 'agent' has no role"
        ):
            await store.write([("/calico/v1/a", b"1")])
        with pytest.raises(
            StoreDeniedError, match=r"needs permission to write /calico/v1/own, write /calico/v1/a;"
        ):
            await store.write([("/calico/v1/own", b"1"), ("/calico/v1/a", b"1")])
        with pytest.raises(StoreDeniedError, match="refuses to read /elsewhere: user 'agent' has no role"):
            await store.get("/elsewhere")


async def test_no_text_holds_the_password_or_a_token(
    guarded: EtcdServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    texts = []
    async with following(guarded) as (store, follower):
        token = store._members.login.token
        assert token is not None
        with pytest.raises(StoreDeniedError) as refused:
            await store.write([("/calico/v1/a", b"1")])
        guarded.kill()
        texts.append((await follower.next(Disconnected)).reason)
        connection = Connection(guarded.endpoint, store._members.login, None)
        texts += [
            repr(AGENT),
            str(AGENT),
            repr(store),
            repr(store._members.login),
            repr(connection),
            repr(connection.__dict__),
        ]
        await connection.close()
    wrong = Login(StoreOptions(username="agent", password=f"wrong-{PASSWORD}"))
    guarded.start()
    async with Connection(guarded.endpoint, wrong, None) as connection:
        with pytest.raises(StoreDeniedError, match="check user name and password") as unknown:
            await connection.ready(b"/calico/v1/a")
    for error in (refused.value, unknown.value):
        texts += [repr(error), str(error), repr(error.__cause__), repr(error.__context__)]
    texts += [record.getMessage() + str(record.exc_text) for record in caplog.records]
    assert not [text for text in texts if PASSWORD in text or token in text]
