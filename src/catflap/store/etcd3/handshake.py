"""Finds out why a TLS connection to a member failed. gRPC tells little; Python's `ssl` tells the certificate's fault.

It is only asked after a failure, is limited in time, sends no request, and never makes a connection succeed.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from typing import TYPE_CHECKING

from catflap.store import tls
from catflap.store.api import StoreError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from catflap.store.api import StoreOptions

PROBE_TIMEOUT = 2.0  # seconds
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
        context = tls.client_context(options)
        context.set_alpn_protocols(["h2"])
        async with _connection(host, port, context) as (reader, _):
            return await _refusal_of_client(reader, options)
    except StoreError as error:
        return str(error)
    except ssl.SSLCertVerificationError as error:
        if tls.has_other_name(error):
            return await _wrong_name(host, port, context)
        remedy = tls.remedy(error, options)
        return f"the server's certificate is refused: {error.verify_message} ({remedy})"
    except ssl.SSLError as error:
        if "ALERT" in (error.reason or "") and "CERT" in error.reason:  # TLS 1.2 tells within the handshake
            return _refused(options, tls.words(error))
        return f"the handshake failed: {tls.words(error)}"
    except ConnectionResetError:
        return "the server ended the handshake (does it serve TLS at this port?)"


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
        words = tls.words(error)
    except ConnectionResetError:
        words = "it hung up"
    return _refused(options, words)


def _refused(options: StoreOptions, words: str) -> str:
    """Why the server, in these words, wants nothing to do with the client."""
    if options.cert_file is None:
        return f"the server wants a client's certificate: give the files of one and of its key ({words})"
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
        tls.show_certificate(context, options)
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
