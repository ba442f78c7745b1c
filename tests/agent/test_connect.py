from __future__ import annotations

import pytest

from catflap.agent.config import resolve
from catflap.agent.connect import store_options, store_url

from .conftest import local_sources


@pytest.mark.parametrize(
    ("environment", "url"),
    [
        ({}, "etcd://localhost:2379"),
        ({"EtcdAddr": "etcd:4001"}, "etcd://etcd:4001"),
        ({"EtcdAddr": "etcd:4001", "EtcdScheme": "https"}, "etcds://etcd:4001"),
        ({"EtcdAddr": "x:1", "EtcdEndpoints": "http://a:1,http://b:2/"}, "etcd://a:1,b:2"),
        ({"EtcdEndpoints": "https://[::1]:1"}, "etcds://[::1]:1"),
        ({"DatastoreType": "etcdv2"}, "etcd2://localhost:2379"),
        ({"DatastoreType": "etcdv2", "EtcdEndpoints": "https://a:1"}, "etcd2s://a:1"),
        ({"DatastoreType": "directory"}, "dir:/etc/catflap/policy"),
        ({"DatastoreType": "directory", "DatastorePath": "/srv/policy"}, "dir:/srv/policy"),
    ],
)
def test_urls(environment: dict[str, str], url: str) -> None:
    assert store_url(resolve(local_sources(**environment))[0]) == url


def test_options() -> None:
    environment = {
        "EtcdCaFile": "none",
        "EtcdCertFile": "/c",
        "EtcdKeyFile": "/k",
        "EtcdUsername": "u",
        "EtcdPassword": "p",
    }
    options = store_options(resolve(local_sources(**environment))[0])
    assert (options.ca_file, options.cert_file, options.key_file) == (None, "/c", "/k")
    assert (options.username, options.password) == ("u", "p")
