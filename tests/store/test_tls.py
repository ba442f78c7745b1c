"""TLS files and what is said of them; then TLS with client certificates, for both etcd APIs alike."""

from __future__ import annotations

import shutil
import ssl
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest
from tests.store.certificates import make_authority, make_certificate, openssl
from tests.store.following import Following

from catflap.lab.etcd import EtcdServer
from catflap.store import Delta, Disconnected, Snapshot, StoreError, StoreOptions, open_store
from catflap.store.tls import client_context, remedy

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    from catflap.store import Store

PATH = "/calico/v1/a"


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("certificates")
    for authority in ("ca", "stranger"):
        make_authority(directory, authority)
    for name in ("server", "client"):
        make_certificate(directory, name, "ca")
    make_certificate(directory, "impostor", "stranger")
    make_certificate(directory, "expired", "ca", days=-1)
    make_certificate(directory, "elsewhere", "ca", subject="DNS:other.example")
    return directory


def server_with(directory: Path, certificate: str = "server") -> EtcdServer:
    """An etcd that wants client certificates."""
    ca, server, key = (
        str(directory / name) for name in ("ca.pem", f"{certificate}.pem", f"{certificate}.key")
    )
    return EtcdServer(
        arguments=[
            f"--cert-file={server}",
            f"--key-file={key}",
            f"--trusted-ca-file={ca}",
            "--client-cert-auth",
        ],
        scheme="https",
        client_arguments=["--cacert", ca, "--cert", server, "--key", key],
    )


@pytest.fixture(scope="module")
def tls_etcd(certificates: Path) -> Iterator[EtcdServer]:
    with server_with(certificates) as etcd:
        yield etcd


def options(certificates: Path, ca: str = "ca", client: str | None = "client") -> StoreOptions:
    return StoreOptions(
        ca_file=str(certificates / f"{ca}.pem"),
        cert_file=None if client is None else str(certificates / f"{client}.pem"),
        key_file=None if client is None else str(certificates / f"{client}.key"),
    )


@pytest.mark.parametrize(
    ("code", "ca_file", "text"),
    [
        (10, "ca.pem", "renew it, or set this host's clock"),
        (20, "ca.pem", "the authority that signed it must be in the CA file ca.pem"),
        (19, None, "the authority that signed it must be in the system's authorities"),
        (64, "ca.pem", "use an address that the certificate names, or have it name this one"),
    ],
)
def test_the_remedy_for_a_refused_certificate(code: int, ca_file: str | None, text: str) -> None:
    error = ssl.SSLCertVerificationError(1, "certificate verify failed")
    error.verify_code = code
    assert remedy(error, StoreOptions(ca_file=ca_file)) == text


@pytest.mark.parametrize("content", [None, "no certificate"])
@pytest.mark.parametrize("bad", ["ca", "client"])
def test_files_that_cannot_be_used_are_named(
    certificates: Path, tmp_path: Path, bad: str, content: str | None
) -> None:
    shutil.copytree(certificates, tmp_path, dirs_exist_ok=True)
    (tmp_path / f"{bad}.pem").unlink()
    if content is not None:
        (tmp_path / f"{bad}.pem").write_text(content)
    with pytest.raises(StoreError, match=rf"file {tmp_path}/{bad}\.pem .*cannot be used: \w"):
        client_context(options(tmp_path))


def test_a_key_with_a_passphrase_is_an_error_and_no_question(certificates: Path, tmp_path: Path) -> None:
    shutil.copytree(certificates, tmp_path, dirs_exist_ok=True)
    key = tmp_path / "client.key"
    locked = tmp_path / "locked"
    openssl("pkey", "-in", str(key), "-aes256", "-passout", "pass:secret", "-out", str(locked))
    locked.rename(key)
    with pytest.raises(StoreError, match=r"client\.key cannot be used"):
        client_context(options(tmp_path))


@asynccontextmanager
async def opened(scheme: str, etcd: EtcdServer, how: StoreOptions) -> AsyncIterator[Store]:
    store = open_store(f"{scheme}://{etcd.endpoint}", how)
    try:
        yield store
    finally:
        await store.close()


both_apis = pytest.mark.parametrize("scheme", ["etcds", "etcd2s"])


@both_apis
async def test_with_the_right_files_it_works(scheme: str, tls_etcd: EtcdServer, certificates: Path) -> None:
    async with opened(scheme, tls_etcd, options(certificates)) as store:
        follower = Following(store.follow())
        await follower.next(Snapshot)
        await store.write([(PATH, b"1")])
        await follower.next(Delta)
        assert await store.get(PATH) == b"1"


@both_apis
@pytest.mark.parametrize(
    ("ca", "client"), [("stranger", "client"), ("ca", None), ("ca", "impostor"), ("ca", "expired")]
)
async def test_with_wrong_files_it_does_not(
    scheme: str, tls_etcd: EtcdServer, certificates: Path, ca: str, client: str | None
) -> None:
    async with opened(scheme, tls_etcd, options(certificates, ca, client)) as store:
        assert tls_etcd.endpoint in (await Following(store.follow()).next(Disconnected)).reason
        with pytest.raises(StoreError, match=tls_etcd.endpoint):
            await store.get(PATH)


@both_apis
@pytest.mark.parametrize(("server", "reason"), [("expired", "expired"), ("elsewhere", "127.0.0.1")])
async def test_a_server_with_a_wrong_certificate_is_refused_with_the_reason(
    scheme: str, certificates: Path, server: str, reason: str
) -> None:
    with server_with(certificates, server) as etcd:
        async with opened(scheme, etcd, options(certificates)) as store:
            assert reason in (await Following(store.follow()).next(Disconnected)).reason.split(":", 2)[2]


@pytest.mark.parametrize(
    ("ca", "client", "reason"),
    [
        ("stranger", "client", r"TLS: the server's certificate is refused: .*must be in the CA file"),
        ("ca", None, r"TLS: the server wants a client's certificate: give the files of one and of its key"),
        ("ca", "expired", r"TLS: the server refuses the client's certificate .*: certificate has expired"),
    ],
)
async def test_what_grpc_does_not_tell_is_found_out(
    tls_etcd: EtcdServer, certificates: Path, ca: str, client: str | None, reason: str
) -> None:
    async with opened("etcds", tls_etcd, options(certificates, ca, client)) as store:
        with pytest.raises(StoreError, match=reason):
            await store.get(PATH)


async def test_a_url_without_tls_for_a_server_with_tls_is_found_out(tls_etcd: EtcdServer) -> None:
    async with opened("etcd", tls_etcd, StoreOptions()) as store:
        with pytest.raises(StoreError, match="use a URL with etcds://"):
            await store.get(PATH)


@both_apis
@pytest.mark.parametrize("missing", ["ca_file", "cert_file", "key_file"])
async def test_a_file_that_is_missing_is_named(
    scheme: str, tls_etcd: EtcdServer, certificates: Path, tmp_path: Path, missing: str
) -> None:
    shutil.copytree(certificates, tmp_path, dirs_exist_ok=True)
    how = options(tmp_path)
    file = getattr(how, missing)
    (tmp_path / file).unlink()
    async with opened(scheme, tls_etcd, how) as store:
        assert file in (await Following(store.follow()).next(Disconnected)).reason
        with pytest.raises(StoreError, match=file):
            await store.get(PATH)


@both_apis
async def test_files_are_read_anew_for_each_connection(
    scheme: str, tls_etcd: EtcdServer, certificates: Path, tmp_path: Path
) -> None:
    shutil.copytree(certificates, tmp_path, dirs_exist_ok=True)
    shutil.copy(certificates / "stranger.pem", tmp_path / "ca.pem")
    async with opened(scheme, tls_etcd, options(tmp_path)) as store:
        follower = Following(store.follow())
        await follower.next(Disconnected)
        shutil.copy(certificates / "ca.pem", tmp_path / "ca.pem")
        await follower.until(lambda seen: seen.count(Snapshot) == 1)


@both_apis
async def test_certificates_of_a_new_authority_replace_the_old_ones_without_a_restart_of_ours(
    scheme: str, tmp_path: Path
) -> None:
    issue_certificates(tmp_path)
    with server_with(tmp_path) as etcd:
        async with opened(scheme, etcd, options(tmp_path)) as store:
            follower = Following(store.follow())
            await follower.next(Snapshot)
            issue_certificates(tmp_path)
            etcd.kill()
            etcd.start()
            await store.write([(PATH, b"1")])
            await follower.until(lambda seen: PATH in seen.entries)
            await store.close()


def issue_certificates(directory: Path) -> None:
    make_authority(directory, "ca")
    for name in ("server", "client"):
        make_certificate(directory, name, "ca")
