from __future__ import annotations

from catflap.lab.etcd import EtcdServer
from catflap.lab.grpc_proxy import GrpcProxy


def test_it_passes_requests_on_to_the_members() -> None:
    with EtcdServer() as etcd, GrpcProxy([etcd.endpoint]) as proxy:
        etcd.etcdctl(f"--endpoints={proxy.endpoint}", "put", "/key", "value")
        assert etcd.etcdctl("get", "/key", "--print-value-only") == "value\n"


def test_it_keeps_its_address_when_it_is_started_again() -> None:
    with EtcdServer() as etcd, GrpcProxy([etcd.endpoint]) as proxy:
        proxy.process.kill()
        proxy.start()
        assert etcd.etcdctl(f"--endpoints={proxy.endpoint}", "get", "/key") == ""


def test_nothing_is_left_behind() -> None:
    with EtcdServer() as etcd, GrpcProxy([etcd.endpoint]) as proxy:
        directory = proxy._directory
        assert directory.is_dir()
    assert not proxy.process.running
    assert not directory.exists()
