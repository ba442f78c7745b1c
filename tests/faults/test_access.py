"""Credentials and permissions end while a follower runs, and a disk fills up."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest
from tests.faults.conftest import Begin
from tests.faults.etcd_http import Access
from tests.faults.processes import Child
from tests.faults.scene import Scene
from tests.faults.writer import Work
from tests.store.certificates import make_authority, make_certificate, openssl

from catflap.lab.etcd import EtcdServer
from catflap.lab.tcp_proxy import TcpProxy
from catflap.store.api import Connected, StoreOptions

READER = StoreOptions(username="agent", password="secret")  # noqa: S106 - of a throw-away etcd
ROOT = ("--user=root:root",)
QUOTA = 16 << 20  # bytes


@pytest.fixture
def guarded() -> Iterator[EtcdServer]:
    """An etcd with users, whose tokens expire after 3 s without use."""
    with EtcdServer(arguments=["--auth-token-ttl=3"]) as server:
        for command in (
            "user add root:root",
            "user grant-role root root",
            "role add reader",
            "user add agent:secret",
            "user grant-role agent reader",
        ):
            with contextlib.suppress(Exception):
                server.etcdctl("role", "add", "root")
            server.etcdctl(*command.split())
        grant(server)
        server.etcdctl("auth", "enable")
        yield server


def grant(server: EtcdServer, *options: str) -> None:
    server.etcdctl(
        *options, "role", "grant-permission", "reader", "read", "/calico/resources/v3/", "/calico/v10"
    )


def revoke(server: EtcdServer) -> None:
    server.etcdctl(*ROOT, "role", "revoke-permission", "reader", "/calico/resources/v3/", "/calico/v10")


def as_root(server: EtcdServer) -> Access:
    return Access(endpoints=(server.endpoint,), username="root", password="root")  # noqa: S106 - as above


async def told(scene: Scene, *words: str, since: int = 0) -> None:
    """Wait until the store was reported lost for a reason with these words, after so many reports before."""

    def found() -> bool:
        return any(all(word in reason for word in words) for reason in scene.judge.reasons()[since:])

    await scene.follower.until(found, 30, f"lost because of {words}")


@pytest.mark.fault("token expired, then the connection reset", "logs in again, goes on")
async def test_expired_token(begin: Begin, guarded: EtcdServer) -> None:
    with TcpProxy(guarded.endpoint) as proxy:
        async with begin(
            [guarded], f"etcd://{proxy.endpoint}", options=READER, access=as_root(guarded)
        ) as scene:
            await asyncio.sleep(4)
            scene.strike(proxy.cut)
            await scene.flowing()
            assert scene.snapshots == 0


@pytest.mark.fault("etcd restarted: it has forgotten all tokens", "logs in again, goes on")
async def test_forgotten_token(begin: Begin, guarded: EtcdServer) -> None:
    async with begin([guarded], options=READER, access=as_root(guarded)) as scene:
        scene.strike()
        await asyncio.to_thread(guarded.restart)
        await scene.flowing()
        assert scene.snapshots == 0


@pytest.mark.fault("password changed, and back", "told; goes on")
async def test_changed_password(begin: Begin, guarded: EtcdServer) -> None:
    async with begin([guarded], options=READER, access=as_root(guarded)) as scene:
        await _set_password(guarded, "other")
        scene.strike()
        await asyncio.to_thread(guarded.restart)
        await told(scene, "user name and password")
        await _set_password(guarded, "secret")
        await scene.flowing()
        assert scene.snapshots == 0


async def _set_password(server: EtcdServer, password: str) -> None:
    await asyncio.to_thread(_run_with_input, server, password)


def _run_with_input(server: EtcdServer, password: str) -> None:
    import subprocess  # noqa: PLC0415 - etcdctl asks for the password

    command = [
        "etcdctl",
        "--endpoints",
        server.client_url,
        *ROOT,
        "user",
        "passwd",
        "agent",
        "--interactive=false",
    ]
    subprocess.run(command, input=f"{password}\n", text=True, check=True, capture_output=True)


@pytest.mark.fault(
    "permission revoked, the connection reset, granted again", "told with key and right; goes on"
)
async def test_revoked_role(begin: Begin, guarded: EtcdServer) -> None:
    with TcpProxy(guarded.endpoint) as proxy:
        async with begin(
            [guarded], f"etcd://{proxy.endpoint}", options=READER, access=as_root(guarded)
        ) as scene:
            await asyncio.to_thread(revoke, guarded)
            scene.strike(proxy.cut)
            await told(scene, "permission")
            await asyncio.to_thread(grant, guarded, *ROOT)
            await scene.flowing()
            assert scene.snapshots == 0


@pytest.fixture
def certificates(tmp_path: Path) -> Path:
    make_authority(tmp_path, "ca")
    for name in ("server", "client", "writer"):
        make_certificate(tmp_path, name, "ca")
    return tmp_path


def expire(directory: Path, name: str) -> None:
    """Put a certificate that has expired in the place of one that had not, in one step."""
    authority = ["-CA", str(directory / "ca.pem"), "-CAkey", str(directory / "ca.key")]
    made = ["-in", str(directory / f"{name}.csr"), "-extfile", str(directory / f"{name}.ext"), "-days", "-1"]
    openssl("x509", "-req", *made, *authority, "-CAcreateserial", "-out", str(directory / "draft"))
    (directory / "draft").rename(directory / f"{name}.pem")


@contextlib.asynccontextmanager
async def tls_scene(begin: Begin, directory: Path) -> AsyncIterator[tuple[Scene, TcpProxy]]:
    """A follower that shows ``client.pem`` to an etcd that asks for it, through a proxy."""

    def file(which: str) -> str:
        return str(directory / which)

    arguments = [
        f"--cert-file={file('server.pem')}",
        f"--key-file={file('server.key')}",
        f"--trusted-ca-file={file('ca.pem')}",
        "--client-cert-auth",
    ]
    writer = {
        "ca_file": file("ca.pem"),
        "cert_file": file("writer.pem"),
        "key_file": file("writer.key"),
    }
    options = StoreOptions(ca_file=file("ca.pem"), cert_file=file("client.pem"), key_file=file("client.key"))
    with (
        EtcdServer(scheme="https", arguments=arguments) as server,
        TcpProxy(server.endpoint) as proxy,
    ):
        access = Access(endpoints=(server.endpoint,), **writer)
        async with begin([server], f"etcds://{proxy.endpoint}", options=options, access=access) as scene:
            yield scene, proxy


async def _expire(begin: Begin, directory: Path, name: str) -> None:
    async with tls_scene(begin, directory) as (scene, proxy):
        good = (directory / f"{name}.pem").read_bytes()
        expire(directory, name)
        scene.strike(proxy.cut)
        await scene.follower.until(lambda: bool(scene.judge.reasons()), 30, "it is told")
        (directory / f"{name}.pem").write_bytes(good)
        await scene.flowing()
        assert scene.snapshots == 0


@pytest.mark.fault("client certificate expired, then replaced", "told; goes on without restart")
async def test_expired_client_certificate(begin: Begin, certificates: Path) -> None:
    await _expire(begin, certificates, "client")


@pytest.mark.fault("server certificate expired, then replaced", "told; goes on")
async def test_expired_server_certificate(begin: Begin, certificates: Path) -> None:
    await _expire(begin, certificates, "server")


@pytest.mark.fault("client's files empty, halved, of another key, gone, in turn", "told each time; goes on")
async def test_half_written_certificate(begin: Begin, certificates: Path) -> None:
    """As a program leaves them for a moment that does not replace files by renaming."""
    certificate, key = certificates / "client.pem", certificates / "client.key"
    good = {file: file.read_bytes() for file in (certificate, key)}
    other = (certificates / "writer.key").read_bytes()
    async with tls_scene(begin, certificates) as (scene, proxy):
        scene.strike()
        for file, content in (
            (key, b""),
            (certificate, b""),
            (key, good[key][:60]),
            (certificate, good[certificate][:100]),
            (key, other),
            (key, None),
        ):
            reported = len(scene.judge.reasons())
            replace(file, content)
            proxy.cut()
            await told(scene, "client.", since=reported)
            replace(file, good[file])
            await scene.flowing()
        assert scene.snapshots == 0


def replace(file: Path, content: bytes | None) -> None:
    """Give a file this content; None: remove it."""
    if content is None:
        file.unlink()
    else:
        file.write_bytes(content)


@pytest.mark.fault("etcd's disk quota full (NOSPACE)", "goes on following; writes wait for room")
async def test_full_disk(begin: Begin) -> None:
    with EtcdServer(arguments=[f"--quota-backend-bytes={QUOTA}"]) as server:
        work = Work(access=Access(endpoints=()), size=20_000, pause=0.01)
        async with begin([server], work=work) as scene:
            scene.strike()
            await until(scene.writer, lambda: "NOSPACE" in server.etcdctl("alarm", "list"))
            await asyncio.sleep(2)
            reported = scene.judge.count(Connected)
            await asyncio.to_thread(make_room, server)
            await scene.flowing()
            assert scene.snapshots == 0
            assert reported == scene.judge.count(Connected) == 0  # following was never interrupted


async def until(writer: Child, reached: Callable[[], bool]) -> None:
    for _ in range(300):
        if await asyncio.to_thread(reached):
            return
        await asyncio.sleep(0.05)
    raise AssertionError(writer.state())


def make_room(server: EtcdServer) -> None:
    """What etcd's manual tells to do."""
    server.compact()
    server.etcdctl("defrag")
    server.etcdctl("alarm", "disarm")
