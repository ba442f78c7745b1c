"""The v2 API's own users against a real etcd: what a role must have, what a refusal says, and what it must not say."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import pytest
from tests.store.etcd2.traffic import BRISK
from tests.store.following import Following

from catflap.lab.etcd import EtcdServer
from catflap.store import (
    Connected,
    Delta,
    Disconnected,
    Snapshot,
    StoreDeniedError,
    StoreOptions,
)
from catflap.store.etcd2 import Etcd2Store

if TYPE_CHECKING:
    from collections.abc import Iterator

PASSWORD = "correct-horse"  # noqa: S105 - of this test
AS_ROOT = ("--username", f"root:{PASSWORD}")
OWN = "/calico/felix/v1/host/h/status"


@pytest.fixture(scope="module")
def secured() -> Iterator[EtcdServer]:
    """An etcd whose user ``agent`` may read the tree and write below a host's own keys, and nobody else anything."""
    with EtcdServer() as server:

        def etcdctl(*words: str) -> None:
            server.etcdctl(*words, api=2)

        for user in ("root", "agent", "stranger"):
            etcdctl("user", "add", f"{user}:{PASSWORD}")
        for role in ("agent", "stranger"):
            etcdctl("role", "add", role)
            etcdctl("user", "grant", role, "--roles", role)
        etcdctl("role", "grant", "agent", "--path", "/calico/v1/*", "--read")
        etcdctl("role", "grant", "agent", "--path", "/calico/felix/v1/host/h/*", "--readwrite")
        etcdctl("auth", "enable")
        etcdctl(*AS_ROOT, "role", "remove", "guest")
        yield server


def opened(server: EtcdServer, user: str | None, password: str = PASSWORD) -> Etcd2Store:
    options = StoreOptions() if user is None else StoreOptions(username=user, password=password)
    return Etcd2Store([server.endpoint], options, tuning=BRISK)


async def test_an_agent_follows_with_permission_for_what_is_below_the_tree(secured: EtcdServer) -> None:
    agent, root = opened(secured, "agent"), opened(secured, "root")
    await root.write([("/calico/v1/a", b"1")])
    follower = Following(agent.follow())
    await follower.next(Snapshot)
    await root.write([("/calico/v1/a", b"2")])
    assert (await follower.next(Delta)).changes == (("/calico/v1/a", b"2"),)
    assert await agent.get("/calico/v1/a") == b"2"
    assert "/calico/v1/a" in (await agent.read("/calico/v1/")).entries
    await agent.close()


async def test_an_agent_writes_its_own_keys_only(secured: EtcdServer) -> None:
    agent = opened(secured, "agent")
    await agent.write([(OWN, b"up")])
    needed = r"denies write access to /calico/v1/a for user 'agent': .* write permission for /calico/v1/a\)"
    with pytest.raises(StoreDeniedError, match=needed):
        await agent.write([("/calico/v1/a", b"3")])
    with pytest.raises(
        StoreDeniedError, match="made before /calico/v1/a, and stay: /calico/felix/v1/host/h/status"
    ):
        await agent.write([(OWN, b"up"), ("/calico/v1/a", b"3")])
    with pytest.raises(StoreDeniedError, match="read access to /calico/felix/v1/host/other/status"):
        await agent.get("/calico/felix/v1/host/other/status")
    with pytest.raises(StoreDeniedError, match=r"read permission for /calico/\*"):
        await agent.read("/calico/")


@pytest.mark.parametrize(
    ("user", "password", "who"),
    [
        (None, "", "without a user"),
        ("agent", "wrong-horse", "for user 'agent'.*check the password"),
        ("nobody", PASSWORD, "for user 'nobody'"),
        ("stranger", PASSWORD, r"for user 'stranger'.*read permission for /calico/v1/\*"),
    ],
    ids=["no user", "wrong password", "unknown user", "no role"],
)
async def test_a_refusal_names_path_user_and_permission_and_never_the_password(
    secured: EtcdServer, caplog: pytest.LogCaptureFixture, user: str | None, password: str, who: str
) -> None:
    caplog.set_level(logging.DEBUG)
    store = opened(secured, user, password)
    with pytest.raises(StoreDeniedError, match=f"read access to /calico/v1/ {who}") as caught:
        await store.read("/calico/v1/")
    follower = Following(store.follow())
    reason = (await follower.next(Disconnected)).reason
    await store.close()
    assert "denies read access to /calico/v1/" in reason
    texts = f"{caplog.text} {reason} {caught.value} {caught.value.__cause__!r} {store.url}"
    assert "horse" not in texts


async def test_a_role_that_is_revoked_is_an_outage_until_it_is_back(secured: EtcdServer) -> None:
    agent, root = opened(secured, "agent"), opened(secured, "root")
    follower = Following(agent.follow())
    await follower.next(Snapshot)
    secured.etcdctl(*AS_ROOT, "user", "revoke", "agent", "--roles", "agent", api=2)
    try:
        assert "for user 'agent'" in (await follower.next(Disconnected)).reason
    finally:
        secured.etcdctl(*AS_ROOT, "user", "grant", "agent", "--roles", "agent", api=2)
    await root.write([("/calico/v1/a", b"5")])
    await follower.next(Connected)
    assert (await follower.next(Delta)).changes == (("/calico/v1/a", b"5"),)
    await agent.close()
