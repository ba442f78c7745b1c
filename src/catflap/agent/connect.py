"""From configuration to the store: which address, which credentials."""

from __future__ import annotations

from catflap.agent.config import Configuration
from catflap.store import StoreOptions


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
    """The files and credentials to connect with."""
    return StoreOptions(
        ca_file=configuration["EtcdCaFile"],
        cert_file=configuration["EtcdCertFile"],
        key_file=configuration["EtcdKeyFile"],
        username=configuration["EtcdUsername"],
        password=configuration["EtcdPassword"],
    )
