from __future__ import annotations

import asyncio
import ssl
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import aiohttp
import pytest
from tests.store.certificates import make_authority, make_certificate

from catflap.lab.etcd import EtcdServer
from catflap.store.api import StoreOptions, StoreUnavailableError
from catflap.store.etcd2.client import Etcd2Client
from catflap.store.etcd2.faults import denied, reason_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

AGENT = StoreOptions(username="agent", password="secret")  # noqa: S106 - of this test
MUTUAL = StoreOptions(ca_file="ca.pem", cert_file="client.pem", key_file="client.key")

ALERT = ssl.SSLError(1, "sslv3 alert bad certificate")


def unverified(code: int, message: str) -> ssl.SSLCertVerificationError:
    error = ssl.SSLCertVerificationError(1, "certificate verify failed")
    error.verify_code, error.verify_message = code, message
    return error


def caused(by: Exception) -> Exception:
    """As aiohttp wraps errors."""
    error = aiohttp.ClientError("cannot connect")
    error.__cause__ = by
    return error


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (unverified(10, "certificate has expired"), "certificate has expired (renew it, or"),
        (
            ALERT,
            "alert bad certificate (it may not accept the client certificate client.pem",
        ),
        (
            ConnectionResetError(104, "reset"),
            "(it may not accept the client certificate client.pem: expired, or",
        ),
        (OSError(111, "refused"), "cannot connect"),
    ],
)
def test_a_tls_error_names_its_cause_and_the_file(error: Exception, text: str) -> None:
    assert text in reason_of(caused(error), MUTUAL, tls=True)


def test_without_a_client_certificate_the_text_says_so() -> None:
    assert "none is configured" in reason_of(caused(ALERT), StoreOptions(), tls=True)


def test_an_answer_that_is_cut_off_is_named() -> None:
    error = aiohttp.ClientPayloadError("400, message='Not enough data'")
    assert reason_of(error, MUTUAL, tls=True) == "the connection ended in the middle of an answer"


def test_silence_is_named() -> None:
    assert reason_of(TimeoutError(), StoreOptions(), tls=False) == "no answer in time"


def test_without_tls_a_reset_says_nothing_about_certificates() -> None:
    assert (
        reason_of(caused(ConnectionResetError(104, "reset")), StoreOptions(), tls=False) == "cannot connect"
    )


def test_a_refusal_names_user_directory_and_permission_but_no_password() -> None:
    assert str(denied("h:1", "/calico/v1/", "read", AGENT, "no")) == (
        "etcd h:1 denies read access to /calico/v1/ for user 'agent': no "
        "(check the password, and grant one of the user's roles read permission for /calico/v1/*)"
    )


def test_a_refusal_without_a_user_says_that_one_is_needed() -> None:
    assert str(denied("h:1", "/calico/v1/a", "write", StoreOptions(), "no")) == (
        "etcd h:1 denies write access to /calico/v1/a without a user: no "
        "(configure a user who has a role with write permission for /calico/v1/a)"
    )


@asynccontextmanager
async def etcd_with(directory: Path, certificate: str, *more: str) -> AsyncIterator[EtcdServer]:
    files = [f"--cert-file={directory}/{certificate}.pem", f"--key-file={directory}/{certificate}.key"]
    server = EtcdServer(arguments=[*files, *more], scheme="https")
    try:
        await asyncio.to_thread(server.start)
        yield server
    finally:
        server.close()


async def reason(server: EtcdServer, options: StoreOptions) -> str:
    async with Etcd2Client(server.endpoint, options, tls=True) as client:
        with pytest.raises(StoreUnavailableError) as caught:
            await client.read("/calico/v1/")
    return str(caught.value)


async def test_what_etcd_and_openssl_really_say_is_understood(tmp_path: Path) -> None:
    for authority in ("ca", "stranger"):
        make_authority(tmp_path, authority)
        make_certificate(tmp_path, f"of-{authority}", authority)
    ca, stranger = str(tmp_path / "ca.pem"), str(tmp_path / "stranger.pem")
    async with etcd_with(tmp_path, "of-ca", f"--trusted-ca-file={ca}", "--client-cert-auth") as server:
        assert f"must be in the CA file {stranger})" in await reason(server, StoreOptions(ca_file=stranger))
        assert "none is configured" in await reason(server, StoreOptions(ca_file=ca))
        certificate, key = (str(tmp_path / f"of-stranger.{suffix}") for suffix in ("pem", "key"))
        impostor = StoreOptions(ca_file=ca, cert_file=certificate, key_file=key)
        assert f"may not accept the client certificate {certificate}" in await reason(server, impostor)
