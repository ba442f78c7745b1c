from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from catflap.lab.etcd import EtcdServer, cluster

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def shared_etcd() -> Iterator[EtcdServer]:
    with EtcdServer() as server:
        yield server


@pytest.fixture
def etcd(shared_etcd: EtcdServer) -> EtcdServer:
    """A running etcd without keys, which the test leaves running. Both APIs' keys are apart."""
    shared_etcd.etcdctl("del", "--prefix", "/calico")
    for directory in shared_etcd.etcdctl("ls", "/", api=2).split():
        shared_etcd.etcdctl("rm", "--recursive", directory, api=2)
    return shared_etcd


@pytest.fixture
def own_etcd() -> Iterator[EtcdServer]:
    """An etcd for a test that ends or damages it."""
    with EtcdServer() as server:
        yield server


@pytest.fixture
def members() -> Iterator[list[EtcdServer]]:
    """The three members of a cluster, which the test may end, freeze or damage."""
    with ExitStack() as stack:
        servers = cluster(3)
        for server in servers:
            stack.callback(server.close)
        yield servers
