"""Who a client is for etcd: its user's password and token, and its TLS files."""

from __future__ import annotations

import logging
import re
from pathlib import Path
from typing import TYPE_CHECKING

import grpc

from catflap.store.api import StoreError
from catflap.store.etcd3 import etcd_pb2 as pb

if TYPE_CHECKING:
    from catflap.store.api import StoreOptions

log = logging.getLogger(__name__)

_PEM = re.compile(rb"-----BEGIN [^-]+-----.*-----END [^-]+-----", re.DOTALL)


class Login:
    """A user's credentials and the latest token, shared by a store's connections: logging in costs etcd 0.1 s."""

    def __init__(self, options: StoreOptions) -> None:
        self.user = options.username
        self._password = options.password or ""
        self.token: str | None = None
        self._needed = True

    @property
    def due(self) -> bool:
        """Whether to log in before anything else."""
        return self.user is not None and self.token is None and self._needed

    def request(self) -> pb.AuthenticateRequest:
        """The message that asks for a token."""
        return pb.AuthenticateRequest(name=self.user, password=self._password)

    def succeeded(self, token: str) -> None:
        """Use this token from now on."""
        self.token = token
        self._needed = True

    def not_needed(self, endpoint: str) -> None:
        """Go on without a token, until one is asked for: authentication is switched off."""
        if self._needed:
            log.warning("etcd %s does not ask who anybody is: its authentication is not enabled", endpoint)
        self.token = None
        self._needed = False


class TlsCredentials:
    """What gRPC needs for TLS, and the paths of the files that it is made of."""

    def __init__(self, channel: grpc.ChannelCredentials, options: StoreOptions) -> None:
        self.channel = channel
        self.options = options


def channel_credentials(options: StoreOptions) -> TlsCredentials:
    """TLS credentials from the files as they are now; without a CA file the system's authorities count.

    Raises:
        StoreError: a file cannot be read, or has nothing of the kind in it.
    """
    channel = grpc.ssl_channel_credentials(
        root_certificates=_read_pem(options.ca_file, "CA file"),
        private_key=_read_pem(options.key_file, "key file"),
        certificate_chain=_read_pem(options.cert_file, "certificate file"),
    )
    return TlsCredentials(channel, options)


def _read_pem(path: str | None, what: str) -> bytes | None:
    if path is None:
        return None
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise StoreError(f"cannot read the {what} {path}: {error.strerror}") from error
    if not _PEM.search(content):  # of an empty certificate or key gRPC would end the process
        raise StoreError(
            f"the {what} {path} holds no whole PEM block; if it is being written, rename a finished file into place"
        )
    return content
