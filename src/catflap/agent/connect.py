"""From configuration to the store: which address, which credentials."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from catflap.agent.config import Configuration, ConfigurationError
from catflap.store import StoreOptions

OTHERS: Final = 0o077  # what the group and others may do with a file


def store_url(configuration: Configuration) -> str:
    """The store's URL, as ``--store`` takes it.

    EtcdEndpoints replaces EtcdScheme and EtcdAddr, as ever.
    """
    kind = configuration["DatastoreType"]
    if kind == "directory":
        return f"dir:{configuration['DatastorePath']}"
    endpoints = configuration["EtcdEndpoints"] or (
        f"{configuration['EtcdScheme']}://{configuration['EtcdAddr']}",
    )
    scheme = ("etcd2" if kind == "etcdv2" else "etcd") + ("s" if endpoints[0].startswith("https:") else "")
    return f"{scheme}://" + ",".join(endpoint.partition("://")[2].rstrip("/") for endpoint in endpoints)


def store_options(configuration: Configuration) -> StoreOptions:
    """The files and credentials to connect with.

    Raises:
        ConfigurationError: the file with the password cannot be used.
    """
    return StoreOptions(
        ca_file=configuration["EtcdCaFile"],
        cert_file=configuration["EtcdCertFile"],
        key_file=configuration["EtcdKeyFile"],
        username=configuration["EtcdUsername"],
        password=_password(configuration),
        check_interval=configuration["DatastoreCheckInterval"],
        strict_modes=configuration["DatastoreStrictModes"],
    )


def _password(configuration: Configuration) -> str | None:
    """From the configuration or the file that it names; a line break at the file's end is none of the password."""
    password, file = configuration["EtcdPassword"], configuration["EtcdPasswordFile"]
    if file is None:
        return None if password is None else str(password)
    if password is not None:
        raise ConfigurationError("EtcdPassword and EtcdPasswordFile are both set: set one of them")
    try:
        read = Path(file).read_text(encoding="utf-8").rstrip("\r\n")
    except OSError as error:
        raise ConfigurationError(f"EtcdPasswordFile {file} cannot be read: {error.strerror}") from None
    except UnicodeError:
        raise ConfigurationError(f"EtcdPasswordFile {file} is not UTF-8 text") from None
    if not read:
        raise ConfigurationError(f"EtcdPasswordFile {file} is empty: write the password into it")
    return read


def exposures(configuration: Configuration) -> list[str]:
    """A warning for each file with a secret that others may read or change."""
    secrets = {"EtcdPasswordFile": "the password", "EtcdKeyFile": "the key"}
    return [text for name, what in secrets.items() if (text := _exposure(name, configuration[name], what))]


def _exposure(parameter: str, file: str | None, what: str) -> str | None:
    try:
        mode = Path(file).stat().st_mode & 0o777 if file is not None else 0
    except OSError:
        return None  # whoever reads it says why it cannot be read
    if not mode & OTHERS:
        return None
    return f"{parameter} {file} has mode {mode:04o}: others may read {what}; run chmod 600 {file}"
