from __future__ import annotations

from pathlib import Path

import pytest

from catflap.cli import stores
from catflap.cli.common import CommandError, Exit
from catflap.cli.stores import open_configured_store
from catflap.store import StoreOptions
from catflap.store.memory import MemoryStore


@pytest.fixture(autouse=True)
def opened(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[tuple[str, StoreOptions]]:
    """The URLs and options that stores are opened with; the configuration file is one of the test's own."""
    calls: list[tuple[str, StoreOptions]] = []

    def open_store(url: str, options: StoreOptions) -> MemoryStore:
        calls.append((url, options))
        return MemoryStore()

    monkeypatch.setattr(stores, "open_store", open_store)
    monkeypatch.setattr(stores, "DEFAULT_FILE", tmp_path / "felix.cfg")
    return calls


def test_without_anything_it_is_the_agents_default(opened: list[tuple[str, StoreOptions]]) -> None:
    open_configured_store(None)
    assert [url for url, _ in opened] == ["etcd://localhost:2379"]


def test_the_agents_file_and_environment_name_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, opened: list[tuple[str, StoreOptions]]
) -> None:
    (tmp_path / "felix.cfg").write_text("[global]\nEtcdEndpoints = http://192.0.2.20:2379\n")
    open_configured_store(None)
    monkeypatch.setenv("FELIX_DATASTORETYPE", "etcdv2")
    open_configured_store(None)
    assert [url for url, _ in opened] == ["etcd://192.0.2.20:2379", "etcd2://192.0.2.20:2379"]


def test_a_named_store_is_opened_with_the_agents_credentials(
    monkeypatch: pytest.MonkeyPatch, opened: list[tuple[str, StoreOptions]]
) -> None:
    monkeypatch.setenv("FELIX_ETCDCAFILE", "/etc/catflap/ca.pem")
    open_configured_store("etcds://store.example")
    ((url, options),) = opened
    assert (url, options.ca_file) == ("etcds://store.example", "/etc/catflap/ca.pem")


@pytest.mark.parametrize("name", ["FELIX_DATASTORETYPE", "FELIX_ETCDADDR"])
def test_a_bad_configuration_is_a_usage_error(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "carrier-pigeon")
    with pytest.raises(CommandError, match=f"carrier-pigeon.*{name}") as failure:
        open_configured_store(None)
    assert failure.value.code is Exit.USAGE


def test_a_url_of_no_store_is_a_usage_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()  # the real way to open it
    with pytest.raises(CommandError, match="'ftp://x' cannot be used as a store") as failure:
        open_configured_store("ftp://x")
    assert failure.value.code is Exit.USAGE
