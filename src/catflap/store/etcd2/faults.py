"""What went wrong between us and a member, in words that name the cause and the remedy. Pure.

A text must never hold a password: it gets user names only.
"""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

import aiohttp

from catflap.store.api import StoreDeniedError
from catflap.store.tls import remedy

if TYPE_CHECKING:
    from collections.abc import Iterator

    from catflap.store.api import StoreOptions


def reason_of(error: Exception, options: StoreOptions, *, tls: bool) -> str:
    """Why a request failed that got no answer, or a part of one."""
    if isinstance(error, aiohttp.ClientPayloadError):
        return "the connection ended in the middle of an answer"
    causes = tuple(_chain(error))
    for cause in causes:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return f"its certificate is not accepted: {cause.verify_message} ({remedy(cause, options)})"
        if isinstance(cause, ssl.SSLError):
            return f"TLS failed: {cause}{_suspicion(options) if 'alert' in str(cause).lower() else ''}"
    text = str(error) or "no answer in time"
    hung_up = any(isinstance(cause, ConnectionResetError) for cause in causes)
    return text + _suspicion(options) if tls and hung_up else text


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """The error and what caused it, without those of aiohttp: some of these call themselves errors of TLS."""
    while error is not None:
        if not isinstance(error, aiohttp.ClientError):
            yield error
        error = error.__cause__ or error.__context__


def _suspicion(options: StoreOptions) -> str:
    """A member tells of a client certificate that it does not like by an alert, or just hangs up."""
    if options.cert_file is None:
        return " (it may want a client certificate, and none is configured)"
    return (
        f" (it may not accept the client certificate {options.cert_file}: expired, or of another authority)"
    )


def denied(endpoint: str, path: str, permission: str, options: StoreOptions, cause: str) -> StoreDeniedError:
    """The error for an answer that refuses: etcd gives the same one for a wrong password and a missing permission.

    Args:
        endpoint: the member.
        path: what was asked for; a directory ends with ``/``.
        permission: what it needs: ``read`` or ``write``.
        options: for the user's name.
        cause: etcd's own words.
    """
    target = f"{path}*" if path.endswith("/") else path
    if options.username is None:
        who, remedy = (
            "without a user",
            f"configure a user who has a role with {permission} permission for {target}",
        )
    else:
        who = f"for user {options.username!r}"
        remedy = f"check the password, and grant one of the user's roles {permission} permission for {target}"
    return StoreDeniedError(f"etcd {endpoint} denies {permission} access to {path} {who}: {cause} ({remedy})")
