from __future__ import annotations

import asyncio
import re
import ssl
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest
from tests.store.certificates import make_authority, make_certificate

from catflap.lab.etcd import free_port
from catflap.store.api import StoreOptions
from catflap.store.etcd3 import handshake
from catflap.store.etcd3.handshake import explain

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("certificates")
    for authority in ("ca", "stranger"):
        make_authority(directory, authority)
    for name in ("server", "client"):
        make_certificate(directory, name, "ca")
    make_certificate(directory, "elsewhere", "ca", subject="DNS:other.example,IP:192.0.2.7")
    make_certificate(directory, "expired", "ca", days=-1)
    make_certificate(directory, "impostor", "stranger")
    for name in ("garbage.pem", "garbage.key"):
        (directory / name).write_text("garbage")
    return directory


def options(
    files: Path, ca: str = "ca", client: str | None = "client", key: str | None = None
) -> StoreOptions:
    return StoreOptions(
        ca_file=str(files / f"{ca}.pem"),
        cert_file=client and str(files / f"{client}.pem"),
        key_file=client and str(files / f"{key or client}.key"),
    )


@asynccontextmanager
async def serving(files: Path, name: str = "server") -> AsyncIterator[str]:
    """A TLS server that wants client certificates of ``ca``, and greets whoever gets through."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(files / "ca.pem"))
    context.load_cert_chain(files / f"{name}.pem", files / f"{name}.key")
    context.verify_mode = ssl.CERT_REQUIRED
    connections: list[asyncio.StreamWriter] = []

    def greet(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.append(writer)
        writer.write(b"settings")

    async with await asyncio.start_server(greet, "127.0.0.1", 0, ssl=context) as server:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
        for connection in connections:
            connection.transport.abort()


async def test_where_all_is_well_nothing_is_found(files: Path) -> None:
    async with serving(files) as endpoint:
        assert await explain(endpoint, options(files)) is None


@pytest.mark.parametrize(
    ("ca", "client", "key", "reason"),
    [
        (
            "stranger",
            "client",
            None,
            r"server's certificate is refused: self-signed .* must be in the CA file .*stranger",
        ),
        ("ca", None, None, r"server wants a client's certificate: give the files of one and of its key"),
        (
            "ca",
            "expired",
            None,
            r"server refuses the client's certificate .*expired\.pem: certificate has expired",
        ),
        ("ca", "impostor", None, r"server refuses the client's certificate .*impostor\.pem: .*issuer"),
        (
            "ca",
            "garbage",
            None,
            r"certificate file .*garbage\.pem with the key file .*garbage\.key cannot be used",
        ),
        (
            "ca",
            "client",
            "server",
            r"certificate file .*client\.pem with the key file .*server\.key cannot .* mismatch",
        ),
        ("garbage", "client", None, r"CA file .*garbage\.pem cannot be used"),
    ],
)
async def test_files_that_do_not_fit_are_named(
    files: Path, ca: str, client: str | None, key: str | None, reason: str
) -> None:
    async with serving(files) as endpoint:
        found = await explain(endpoint, options(files, ca, client, key))
    assert found is not None
    assert re.search(reason, found), found


@pytest.mark.parametrize(
    ("server", "reason"),
    [
        ("expired", "server's certificate is refused: certificate has expired (renew it"),
        ("elsewhere", "server's certificate is for other.example, 192.0.2.7, not for 127.0.0.1"),
    ],
)
async def test_a_server_with_a_wrong_certificate_is_told(files: Path, server: str, reason: str) -> None:
    async with serving(files, server) as endpoint:
        assert reason in str(await explain(endpoint, options(files)))


async def test_a_server_without_tls_is_suspected(files: Path) -> None:
    def hang_up(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.transport.abort()

    async with await asyncio.start_server(hang_up, "127.0.0.1", 0) as server:
        endpoint = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
        assert "does it serve TLS" in str(await explain(endpoint, options(files)))


async def test_a_server_that_is_away_or_silent_is_no_fault_of_tls(
    files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert await explain(f"127.0.0.1:{free_port()}", options(files)) is None
    monkeypatch.setattr(handshake, "PROBE_TIMEOUT", 0.05)
    silent: list[asyncio.StreamWriter] = []
    async with await asyncio.start_server(lambda _, writer: silent.append(writer), "127.0.0.1", 0) as server:
        endpoint = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
        assert await explain(endpoint, options(files)) is None
        for writer in silent:
            writer.transport.abort()
