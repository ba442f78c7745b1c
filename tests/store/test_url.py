from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from catflap.store import StoreDeniedError, StoreError, StoreOptions, open_store
from catflap.store.directory import DirectoryStore
from catflap.store.etcd2 import Etcd2Store
from catflap.store.etcd3 import Etcd3Store

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("url", "kind", "opened"),
    [
        ("etcd://h1", Etcd3Store, "etcd://h1:2379"),
        ("etcd://h1:1,h2,10.0.0.1:3", Etcd3Store, "etcd://h1:1,h2:2379,10.0.0.1:3"),
        ("etcd://h1:2379/", Etcd3Store, "etcd://h1:2379"),
        ("etcds://[2001:db8::1],[::1]:4001", Etcd3Store, "etcds://[2001:db8::1]:2379,[::1]:4001"),
        ("etcd2://my-host.example.org:4001", Etcd2Store, "etcd2://my-host.example.org:4001"),
        ("etcd2s://h1", Etcd2Store, "etcd2s://h1:2379"),
        ("dir:/etc/catflap/policy", DirectoryStore, "dir:/etc/catflap/policy"),
        ("dir:///etc/catflap/policy/", DirectoryStore, "dir:/etc/catflap/policy"),
        ("dir:/a/../b c", DirectoryStore, "dir:/b c"),
    ],
)
def test_urls(url: str, kind: type[object], opened: str) -> None:
    store = open_store(url)
    assert type(store) is kind
    assert store.url == opened


@pytest.mark.parametrize(("url", "kind"), [("etcd://h1", Etcd3Store), ("etcd2://h1", Etcd2Store)])
def test_how_long_an_etcd_may_be_silent(url: str, kind: type[Etcd3Store | Etcd2Store]) -> None:
    for options, seconds in ((StoreOptions(), 4.0), (StoreOptions(check_interval=60), 60)):
        store = open_store(url, options)
        assert isinstance(store, kind)
        assert store._tuning.silence == seconds


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("", "none of a store"),
        ("h1:2379", "none of a store"),
        ("http://h1:2379", "none of a store"),
        ("etcd3://h1", "none of a store"),
        ("etcd://", "no HOST"),
        ("etcd://h1,,h2", "no HOST"),
        ("etcd://2001:db8::1", "brackets"),
        ("etcd://h1/path", "no HOST"),
        ("etcd://h1:port", "no HOST"),
        ("etcd://h1:0", "no port"),
        ("etcd://h1:65536", "no port"),
        ("etcd://h1:999999", "no HOST"),
        ("dir:relative", "absolute"),
        ("dir:", "absolute"),
    ],
)
def test_urls_that_are_refused_say_what_is_accepted(url: str, reason: str) -> None:
    with pytest.raises(StoreError, match=reason) as caught:
        open_store(url)
    assert "etcd://HOST" in str(caught.value)
    assert "dir:/PATH" in str(caught.value)


def test_a_password_in_the_url_is_refused_and_not_repeated() -> None:
    with pytest.raises(StoreError, match="no place for a password") as caught:
        open_store("etcd://h0,root:secret@h1,h2")
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (StoreOptions(cert_file="c.pem"), "belong together"),
        (StoreOptions(key_file="c.key"), "belong together"),
        (StoreOptions(password="x"), "no user name"),  # noqa: S106 - of this test
    ],
)
def test_options_must_fit_together(options: StoreOptions, reason: str) -> None:
    with pytest.raises(StoreError, match=reason):
        open_store("etcds://h1", options)


@pytest.mark.parametrize(("strict", "trusted"), [(True, False), (False, True)])
async def test_strict_modes_are_an_option(tmp_path: Path, strict: bool, trusted: bool) -> None:
    tmp_path.chmod(0o777)  # noqa: ASYNC240 - of this test
    store = open_store(f"dir:{tmp_path}", StoreOptions(strict_modes=strict))
    if trusted:
        assert (await store.read("/calico/")).entries == {}
    else:
        with pytest.raises(StoreDeniedError, match="chmod go-w"):
            await store.read("/calico/")


@pytest.mark.parametrize(
    ("url", "loaded"),
    [("", set()), ("etcd://h", {"grpc"}), ("etcd2://h", {"aiohttp"}), ("dir:/p", {"asyncinotify", "yaml"})],
)
def test_only_what_a_store_needs_is_imported(url: str, loaded: set[str]) -> None:
    program = (
        "import sys, catflap.store\n"
        f"if {url!r}: catflap.store.open_store({url!r})\n"
        "print(*sorted({'grpc', 'aiohttp', 'asyncinotify', 'yaml'} & sys.modules.keys()))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert set(done.stdout.split()) == loaded
