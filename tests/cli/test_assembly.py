from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from catflap import host
from catflap.cli import stores
from catflap.cli.assembly import open_world, read_interfaces
from catflap.cli.common import CommandError, Exit, add_world_options
from catflap.host import Interface, MemoryInterfaces
from catflap.store.memory import MemoryStore

from .worlds import content, endpoint, written


def options(*arguments: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    add_world_options(parser)
    return parser.parse_args(arguments)


@pytest.fixture
def policy(tmp_path: Path) -> Path:
    directory = tmp_path / "policy"
    directory.mkdir()
    return written(directory, endpoint("a", "web1", "eth0"))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", {}),
        ("eth0=192.0.2.1/24", {"eth0": {"192.0.2.1"}}),
        ("eth0=192.0.2.1, 2001:DB8::1/64,eth1=", {"eth0": {"192.0.2.1", "2001:db8::1"}, "eth1": set()}),
        (
            "eth0=192.0.2.1,eth1=192.0.2.2,eth0=192.0.2.3",
            {"eth0": {"192.0.2.1", "192.0.2.3"}, "eth1": {"192.0.2.2"}},
        ),
    ],
)
def test_interfaces_as_people_list_them(text: str, expected: dict[str, set[str]]) -> None:
    assert read_interfaces(text) == expected


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("192.0.2.1", "'192.0.2.1' must be INTERFACE=ADDRESS"),
        ("eth 0=192.0.2.1", "'eth 0' is no name of an interface"),
        ("eth0=192.0.2", "'192.0.2' is no address. IPv4 addresses take four"),
    ],
)
def test_other_lists_are_usage_errors(text: str, reason: str) -> None:
    with pytest.raises(CommandError, match=reason) as failure:
        read_interfaces(text)
    assert failure.value.code is Exit.USAGE


def test_files_need_no_store(policy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CATFLAP_STORE", "etcd://nobody.invalid")
    assert open_world(options(), [policy]).hosts == ["web1"]


def test_without_files_it_is_the_store(monkeypatch: pytest.MonkeyPatch) -> None:
    urls: list[str] = []

    def open_store(url: str, _: object) -> MemoryStore:
        urls.append(url)
        return MemoryStore(content(endpoint("a", "web1", "eth0")).entries)

    monkeypatch.setattr(stores, "open_store", open_store)
    made = open_world(options("--store", "etcd://there"), [])
    assert (made.hosts, made.content.origin, urls) == (["web1"], "memory:", ["etcd://there"])


def test_assumed_interfaces_are_those_of_the_host(policy: Path) -> None:
    made = open_world(options("--assume-interfaces", "eth0=192.0.2.1"), [policy])
    assert made.host("web1").interfaces == {"eth0": frozenset({"192.0.2.1"})}


@pytest.fixture
def kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    interface = Interface(2, "eth3", addresses=frozenset({"192.0.2.1"}))
    monkeypatch.setattr(host, "LinkWatcher", lambda: MemoryInterfaces([interface]))


@pytest.mark.usefixtures("kernel")
def test_live_is_this_host_as_its_agent_sees_it(policy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FELIX_FELIXHOSTNAME", "here")
    made = open_world(options("--live"), [policy])
    assert made.only_host == "here"
    assert made.host("here").interfaces == {"eth3": frozenset({"192.0.2.1"})}


@pytest.mark.usefixtures("kernel")
def test_live_with_a_bad_local_configuration(policy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FELIX_FAILSAFEINBOUNDHOSTPORTS", "ssh")
    with pytest.raises(CommandError, match="FELIX_FAILSAFEINBOUNDHOSTPORTS") as failure:
        open_world(options("--live"), [policy])
    assert failure.value.code is Exit.USAGE


def test_live_without_netlink(policy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> None:
        raise OSError("no netlink here")

    monkeypatch.setattr(host, "LinkWatcher", refuse)
    with pytest.raises(CommandError, match="cannot read this host's interfaces: no netlink") as failure:
        open_world(options("--live"), [policy])
    assert failure.value.code is Exit.UNREACHABLE


@pytest.mark.parametrize("other", [("--host", "web1"), ("--assume-interfaces", "eth0=192.0.2.1")])
def test_live_contradicts_what_is_about_other_hosts(policy: Path, other: tuple[str, str]) -> None:
    with pytest.raises(CommandError, match="--live is this host with its own interfaces") as failure:
        open_world(options("--live", *other), [policy])
    assert failure.value.code is Exit.USAGE
