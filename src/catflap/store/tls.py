"""TLS with an operator's files: the client's side of it, and what to do about a certificate that is refused."""

from __future__ import annotations

import re
import ssl
from typing import TYPE_CHECKING

from catflap.store.api import StoreError

if TYPE_CHECKING:
    from catflap.store.api import StoreOptions

# OpenSSL's codes of what is wrong with a certificate (X509_V_ERR_…).
_NOT_NOW = frozenset({9, 10})
_OTHER_NAME = frozenset({62, 63, 64})
_SOURCE = re.compile(r"^\[\w+\] | \(_ssl\.c:\d+\)$")  # which part of Python's module an error comes from


def client_context(options: StoreOptions) -> ssl.SSLContext:
    """A TLS context from the files as they are now; without a CA file the system's authorities count.

    Raises:
        StoreError: a file cannot be read or is not what it should be.
    """
    try:
        context = ssl.create_default_context(cafile=options.ca_file)
    except OSError as error:  # SSLError is one
        raise StoreError(f"the CA file {options.ca_file} cannot be used: {words(error)}") from error
    show_certificate(context, options)
    return context


def show_certificate(context: ssl.SSLContext, options: StoreOptions) -> None:
    """Let a side show the client's certificate, if there is one.

    Raises:
        StoreError: a file cannot be read or is not what it should be.
    """
    if options.cert_file is None:
        return
    try:
        context.load_cert_chain(options.cert_file, options.key_file, password="")  # never ask a terminal
    except OSError as error:
        files = f"the certificate file {options.cert_file} with the key file {options.key_file}"
        rule = "they must be PEM and fit together, the key without a passphrase"
        raise StoreError(f"{files} cannot be used: {words(error)} ({rule})") from error


def has_other_name(error: ssl.SSLCertVerificationError) -> bool:
    """Whether the certificate is for another name or address than the one that was asked."""
    return error.verify_code in _OTHER_NAME


def remedy(error: ssl.SSLCertVerificationError, options: StoreOptions) -> str:
    """What to do about a server's certificate that is refused."""
    if error.verify_code in _NOT_NOW:
        return "renew it, or set this host's clock"
    if has_other_name(error):
        return "use an address that the certificate names, or have it name this one"
    trusted = "the system's authorities" if options.ca_file is None else f"the CA file {options.ca_file}"
    return f"the authority that signed it must be in {trusted}"


def words(error: OSError) -> str:
    """What the system or OpenSSL says, without codes and places in source files."""
    if isinstance(error, ssl.SSLError):
        return (error.reason or _SOURCE.sub("", str(error))).replace("_", " ").lower()
    return error.strerror or str(error)
