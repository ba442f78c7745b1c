"""Follows docs/etcd-security.md to the letter on a fresh etcd, and looks at what the page says will happen."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from .test_docs import Walk
from .typed_host import HOSTNAME, CommandFailedError, TypedHost, typed_host

DOCUMENT = "docs/etcd-security.md"
STATUS = "/calico/felix/v1/host/{}/"


@pytest.fixture
async def host() -> AsyncIterator[TypedHost]:
    async with typed_host() as made:
        yield made


async def test_the_page_on_securing_etcd(host: TypedHost) -> None:
    walk = Walk(DOCUMENT)
    await make_certificates(host, walk)
    await make_users(host, walk)
    await start_agent_and_write_policy(host, walk)
    await rotate(host, walk)
    await use_passwords(host, walk)
    await remove_a_thief(host, walk)
    walk.finish()


async def make_certificates(host: TypedHost, walk: Walk) -> None:
    """Step 1."""
    for begin in (
        "export PATH=",
        "export pki=",
        "mkdir -p",
        "openssl req -x509",
        "openssl req",
        "for user in",
    ):
        await host.type(walk.next(begin))
    readable_by_others = await host.type("find $pki -name '*.key' -perm /077")
    assert readable_by_others == ""


async def make_users(host: TypedHost, walk: Walk) -> None:
    """Steps 2 and 3; before the last command nobody is asked, afterwards everybody."""
    await host.type_in_background(walk.next("etcd --name etcd1"))
    await host.type(walk.next("export ETCDCTL_API=3"))
    await host.type(walk.next("export ETCDCTL_CACERT="))
    await host.until("etcdctl --command-timeout=1s get /")
    await host.type(walk.next("scripts/etcd-roles --certificate root"))
    await host.type(walk.next(f"scripts/etcd-roles --certificate agent {HOSTNAME}"))
    await host.type(walk.next("scripts/etcd-roles --certificate operator alice"))
    await host.type(walk.next("scripts/etcd-roles enable"))
    with pytest.raises(CommandFailedError, match=r"user name not found|permission denied"):
        await host.type("ETCDCTL_CERT=$pki/etcd1.pem ETCDCTL_KEY=$pki/etcd1.key etcdctl get /calico/v1/Ready")


async def start_agent_and_write_policy(host: TypedHost, walk: Walk) -> None:
    """Steps 4 and 5."""
    await host.type(walk.next("mkdir -p /etc/calico"))
    await host.type(walk.next('echo "[global]'))
    await host.start_agent(walk.next("catflap agent"))
    host.log.wait_for("in state wait-for-ready")
    await host.type(walk.next("export FELIX_ETCDCERTFILE="))
    await host.type(walk.next("catflap init"))
    host.log.wait_for("status changed to in-sync")
    await host.type(walk.next("catflap apply"))
    await host.type(walk.next("export ETCDCTL_CERT="))
    assert "webserver" in await host.type(walk.next("etcdctl get --prefix --keys-only /calico/resources/v3/"))
    assert "permission denied" in await host.type(walk.next("! etcdctl put /calico/v1/Ready false"))
    assert "permission denied" in await host.type(
        walk.next("! etcdctl get --prefix /calico/felix/v1/host/web1/")
    )
    own = await host.type(f"etcdctl get --prefix --keys-only {STATUS.format(HOSTNAME)}")
    assert STATUS.format(HOSTNAME) in own, "the agent could not write its status"


async def rotate(host: TypedHost, walk: Walk) -> None:
    """New certificates are taken without a restart of anything."""
    await host.type(walk.next("openssl req"))
    await host.type(walk.next("mv $pki/my-host.pem.new"))
    assert "true" in await host.type(walk.next("etcdctl get /calico/v1/Ready"))
    before = await host.type("openssl x509 -in $pki/etcd1.pem -noout -serial")
    await host.type(walk.next("openssl req"))
    await host.type(walk.next("mv $pki/etcd1.pem.new"))
    shown = walk.next("openssl s_client")
    assert "notAfter=" in await host.type(shown)
    served = await host.type(shown.plain.replace("-enddate", "-serial"))
    assert before not in served
    assert await host.type("openssl x509 -in $pki/etcd1.pem -noout -serial") in served


async def use_passwords(host: TypedHost, walk: Walk) -> None:
    """An agent whose certificate is another one's, and that has a password."""
    await host.type(walk.next("export ETCDCTL_CERT=$pki/root.pem"))
    await host.type(walk.next("scripts/etcd-roles --passwords"))
    await host.start_agent(walk.next("FELIX_FELIXHOSTNAME=web1"))
    host.log.wait_for("status changed to in-sync")
    await host.until(f"etcdctl get --prefix --keys-only {STATUS.format('web1')} | grep -q .")
    before = await host.type("cat /etc/catflap/passwords/web1")
    await host.type(walk.next("scripts/etcd-roles --passwords /etc/catflap/passwords --new"))
    password = await host.type("cat /etc/catflap/passwords/web1")
    assert password != before
    await host.type(f"ETCDCTL_USER=web1:{password.strip()} etcdctl get /calico/v1/Ready")
    with pytest.raises(CommandFailedError, match="invalid user ID or password"):
        await host.type(f"ETCDCTL_USER=web1:{before.strip()} etcdctl get /calico/v1/Ready")


async def remove_a_thief(host: TypedHost, walk: Walk) -> None:
    """What is deleted opens nothing any more."""
    await host.type(walk.next(f"scripts/etcd-roles remove {HOSTNAME}"))
    printed = await host.type(walk.next("! ETCDCTL_CERT=$pki/my-host.pem"))
    assert "permission denied" in printed or "not found" in printed
