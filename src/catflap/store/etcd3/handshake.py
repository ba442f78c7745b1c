"""Finds out why a TLS connection to a member failed. gRPC tells little; Python's `ssl` tells the certificate's fault.

It is only asked after a failure, is limited in time, sends no request, and never makes a connection succeed.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from typing import TYPE_CHECKING

from catflap.store.api import StoreError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from catflap.store.api import StoreOptions

PROBE_TIMEOUT = 2.0  # seconds
_WRONG_NAME = (62, 64)  # OpenSSL's X509_V_ERR_HOSTNAME_MISMATCH and X509_V_ERR_IP_ADDRESS_MISMATCH
_WRONG_TIME = (9, 10)  # X509_V_ERR_CERT_NOT_YET_VALID and X509_V_ERR_CERT_HAS_EXPIRED
_FLIGHTS = 4  # of messages in a handshake, more than enough


async def explain(endpoint: str, options: StoreOptions) -> str | None:
    """What is wrong with the TLS of ``endpoint`` (host and port), or with our files; None if nothing was found."""
    host, _, port = endpoint.rpartition(":")
    host = host.strip("[]")
    with contextlib.suppress(OSError, TimeoutError):  # no TLS fault: gRPC's own words tell as much
        async with asyncio.timeout(PROBE_TIMEOUT):
            return await _probe(host, int(port), options)
    return None


async def _probe(host: str, port: int, options: StoreOptions) -> str | None:
    try:
        context = _context(options)
        async with _connection(host, port, context) as (reader, _):
            return await _refusal_of_client(reader, options)
    except StoreError as error:
        return str(error)
    except ssl.SSLCertVerificationError as error:
        if error.verify_code in _WRONG_NAME:
            return await _wrong_name(host, port, context)
        remedy = _remedy(error, options)
        return f"the server's certificate is refused: {error.verify_message} ({remedy})"
    except ssl.SSLError as error:
        return f"the handshake failed: {_words(error)}"
    except ConnectionResetError:
        return "the server ended the handshake (does it serve TLS at this port?)"


def _context(options: StoreOptions) -> ssl.SSLContext:
    """The client's side, from the same files that gRPC has.

    Raises:
        StoreError: a file has no usable content.
    """
    try:
        context = ssl.create_default_context(cafile=options.ca_file)
    except ssl.SSLError as error:
        raise StoreError(f"ca_file {options.ca_file} cannot be used: {_words(error)}") from error
    _present(context, options)
    context.set_alpn_protocols(["h2"])
    return context


def _present(context: ssl.SSLContext, options: StoreOptions) -> None:
    """Let a side show the client's certificate."""
    if options.cert_file is None:
        return
    try:
        context.load_cert_chain(options.cert_file, options.key_file, password="")  # never ask a terminal
    except ssl.SSLError as error:
        files = f"cert_file {options.cert_file} with key_file {options.key_file}"
        raise StoreError(f"{files} cannot be used: {_words(error)}") from error


@contextlib.asynccontextmanager
async def _connection(
    host: str, port: int, context: ssl.SSLContext
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_connection(host, port, ssl=context, server_hostname=host)
    try:
        yield reader, writer
    finally:
        writer.transport.abort()


async def _refusal_of_client(reader: asyncio.StreamReader, options: StoreOptions) -> str | None:
    """What the server makes of the client's certificate: in TLS 1.3 it tells, or hangs up, after the handshake."""
    try:
        if await reader.read(1):  # the server's settings have begun
            return None
        words = "it hung up"
    except ssl.SSLError as error:
        words = _words(error)
    except ConnectionResetError:
        words = "it hung up"
    if options.cert_file is None:
        return f"the server wants a client's certificate: give cert_file and key_file ({words})"
    return f"the server refuses the client's certificate {options.cert_file}: {_own_fault(options) or words}"


async def _wrong_name(host: str, port: int, context: ssl.SSLContext) -> str:
    """Which names the server's certificate has. Its authority is verified as ever."""
    context.check_hostname = False
    async with _connection(host, port, context) as (_, writer):
        certificate = writer.get_extra_info("peercert")
    names = ", ".join(name for _, name in certificate.get("subjectAltName", ())) or "no name at all"
    return f"the server's certificate is for {names}, not for {host}"


def _own_fault(options: StoreOptions) -> str | None:
    """What our own authority's file makes of the client's certificate, in a handshake of two ends in memory."""
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=options.ca_file)
    server.verify_mode = ssl.CERT_REQUIRED
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.check_hostname = False
    client.verify_mode = ssl.CERT_NONE  # the server's end has the client's certificate, too
    for context in (server, client):
        _present(context, options)
    one_way, other_way = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = (client.wrap_bio(one_way, other_way), server.wrap_bio(other_way, one_way, server_side=True))
    for end in ends * _FLIGHTS:
        try:
            end.do_handshake()
        except ssl.SSLCertVerificationError as error:
            return error.verify_message
        except ssl.SSLWantReadError:
            continue
    return None


def _remedy(error: ssl.SSLCertVerificationError, options: StoreOptions) -> str:
    if error.verify_code in _WRONG_TIME:
        return "renew it, or set this host's clock"
    trusted = "the system's authorities" if options.ca_file is None else f"ca_file {options.ca_file}"
    return f"the authority that signed it must be in {trusted}"


def _words(error: ssl.SSLError) -> str:
    return (error.reason or str(error)).replace("_", " ").lower()
