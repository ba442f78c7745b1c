"""Both watchers of interfaces behave the same; and what only the kernel's can do."""

from __future__ import annotations

import asyncio
import time
from contextlib import aclosing, asynccontextmanager
from typing import TYPE_CHECKING, Protocol, TypeAlias
from unittest.mock import Mock

import pytest

from catflap.host import Interface, Interfaces, LinkWatcher, MemoryInterfaces
from catflap.lab.topology import Switch

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterable

    from catflap.lab.namespaces import Lab, Namespace

VISIBLE_WITHIN = 0.1  # seconds

Watcher: TypeAlias = LinkWatcher | MemoryInterfaces
Shown: TypeAlias = dict[str, set[str]]
Until: TypeAlias = "Callable[[Shown], Awaitable[Interfaces]]"


class Host(Protocol):
    """A host whose interfaces can be changed, and its watcher."""

    @property
    def watcher(self) -> Watcher: ...
    def add(self, name: str, *addresses: str) -> None: ...
    def rename(self, old: str, new: str) -> None: ...
    def delete(self, name: str) -> None: ...
    def move(self, address: str, old: str, new: str) -> None: ...


class KernelHost:
    """In a network namespace of the lab."""

    def __init__(self, lab: Lab) -> None:
        self.namespace, switch = lab.add("host", "switch")
        self._switch = Switch(switch, "cables")
        self.watcher = watcher_in(self.namespace)

    def add(self, name: str, *addresses: str) -> None:
        self._switch.connect(self.namespace, name, (with_prefix(address) for address in addresses))

    def rename(self, old: str, new: str) -> None:
        self.namespace.rename_interface(old, new)

    def delete(self, name: str) -> None:
        self.namespace.delete_interface(name)

    def move(self, address: str, old: str, new: str) -> None:
        self.namespace.move_address(with_prefix(address), old, new)


class MemoryHost:
    """In memory, with the index of each interface counted up."""

    def __init__(self) -> None:
        self.watcher = MemoryInterfaces()
        self._interfaces: dict[str, Interface] = {}
        self._index = 1

    def _put(self, name: str, index: int, addresses: Iterable[str]) -> None:
        self._interfaces[name] = Interface(index, name, frozenset(addresses))
        self.watcher.set(self._interfaces.values())

    def add(self, name: str, *addresses: str) -> None:
        self._index += 1
        self._put(name, self._index, addresses)

    def rename(self, old: str, new: str) -> None:
        interface = self._interfaces.pop(old)
        self._put(new, interface.index, interface.addresses)

    def delete(self, name: str) -> None:
        del self._interfaces[name]
        self.watcher.set(self._interfaces.values())

    def move(self, address: str, old: str, new: str) -> None:
        for name, addresses in (
            (old, self._interfaces[old].addresses - {address}),
            (new, self._interfaces[new].addresses | {address}),
        ):
            self._put(name, self._interfaces[name].index, addresses)


@pytest.fixture(params=["kernel", "memory"])
async def host(request: pytest.FixtureRequest) -> AsyncIterator[Host]:
    made: Host = KernelHost(request.getfixturevalue("lab")) if request.param == "kernel" else MemoryHost()
    yield made
    await made.watcher.close()


@pytest.fixture
async def kernel_host(lab: Lab) -> AsyncIterator[KernelHost]:
    made = KernelHost(lab)
    yield made
    await made.watcher.close()


def watcher_in(namespace: Namespace) -> LinkWatcher:
    with namespace.entered():
        return LinkWatcher()


def with_prefix(address: str) -> str:
    return f"{address}/64" if ":" in address else f"{address}/24"


def shown(interfaces: Interfaces) -> Shown:
    """Addresses by name, without loopback and link-local addresses, which memory does not make up."""
    return {
        name: {text for text in interface.addresses if not text.startswith("fe80:")}
        for name, interface in interfaces.items()
        if name != "lo"
    }


@asynccontextmanager
async def following(watcher: Watcher) -> AsyncIterator[Until]:
    """Gives a function that waits until the watcher shows something, and returns the interfaces."""

    async def until(expected: Shown) -> Interfaces:
        seen: list[Shown] = []
        try:
            async with asyncio.timeout(5):
                async for interfaces in follower:
                    seen.append(shown(interfaces))
                    if seen[-1] == expected:
                        return interfaces
        except TimeoutError:
            pytest.fail(f"never {expected}, only {seen}")
        pytest.fail(f"ended after {seen}")

    async with aclosing(watcher.follow()) as follower:
        yield until


async def test_interfaces_that_are_there_are_shown_at_once(host: Host) -> None:
    host.add("eth0", "192.0.2.1", "2001:db8::1")
    host.add("eth1")
    async with following(host.watcher) as until:
        await until({"eth0": {"192.0.2.1", "2001:db8::1"}, "eth1": set()})


async def test_an_interface_that_appears_later_is_shown(host: Host) -> None:
    async with following(host.watcher) as until:
        await until({})
        host.add("eth0", "192.0.2.1")
        await until({"eth0": {"192.0.2.1"}})


async def test_a_renamed_interface_keeps_index_and_addresses(host: Host) -> None:
    host.add("eth0", "192.0.2.1")
    async with following(host.watcher) as until:
        before = await until({"eth0": {"192.0.2.1"}})
        host.rename("eth0", "lan0")
        after = await until({"lan0": {"192.0.2.1"}})
    assert after["lan0"].index == before["eth0"].index


async def test_names_that_are_swapped_are_not_mixed_up(host: Host) -> None:
    host.add("eth0", "192.0.2.1")
    host.add("eth1", "192.0.2.2")
    async with following(host.watcher) as until:
        await until({"eth0": {"192.0.2.1"}, "eth1": {"192.0.2.2"}})
        host.rename("eth0", "swap")
        host.rename("eth1", "eth0")
        host.rename("swap", "eth1")
        await until({"eth0": {"192.0.2.2"}, "eth1": {"192.0.2.1"}})


async def test_a_removed_interface_goes_and_a_new_one_of_that_name_is_another(host: Host) -> None:
    host.add("eth0", "192.0.2.1")
    async with following(host.watcher) as until:
        before = await until({"eth0": {"192.0.2.1"}})
        host.delete("eth0")
        await until({})
        host.add("eth0")
        after = await until({"eth0": set()})
    assert after["eth0"].index != before["eth0"].index


@pytest.mark.parametrize("address", ["192.0.2.7", "2001:db8::7"])
async def test_an_address_that_moves_is_followed(host: Host, address: str) -> None:
    host.add("eth0", address)
    host.add("eth1")
    async with following(host.watcher) as until:
        await until({"eth0": {address}, "eth1": set()})
        host.move(address, "eth0", "eth1")
        await until({"eth0": set(), "eth1": {address}})


async def test_close_ends_a_follower_that_waits(host: Host) -> None:
    async with aclosing(host.watcher.follow()) as follower:
        await anext(follower)
        waiting = asyncio.ensure_future(anext(follower, None))
        await asyncio.sleep(0)
        await host.watcher.close()
        assert await waiting is None
        await host.watcher.close()


async def test_the_loopback_and_link_local_addresses_are_shown_as_well(kernel_host: KernelHost) -> None:
    kernel_host.add("eth0")
    async with asyncio.timeout(5), aclosing(kernel_host.watcher.follow()) as follower:
        interfaces = await anext(follower)
        while not interfaces["eth0"].addresses:  # the kernel adds its own when it has seen the other end
            interfaces = await anext(follower)
    assert interfaces["lo"] == Interface(1, "lo", frozenset({"127.0.0.1", "::1"}), up=True)
    (link_local,) = interfaces["eth0"].addresses
    assert link_local.startswith("fe80::")


async def test_an_interface_that_goes_down_is_shown_with_the_addresses_that_it_keeps(
    kernel_host: KernelHost,
) -> None:
    kernel_host.add("eth0", "192.0.2.1", "2001:db8::1")
    async with following(kernel_host.watcher) as until:
        await until({"eth0": {"192.0.2.1", "2001:db8::1"}})
        kernel_host.namespace.set_link("eth0", up=False)
        await until({"eth0": {"192.0.2.1"}})


async def test_a_link_that_goes_down_and_up_is_shown(kernel_host: KernelHost) -> None:
    kernel_host.namespace.ip(
        "link add eth0 type veth peer name far",
        "link set eth0 addrgenmode none up",
        "link set far addrgenmode none up",
    )
    async with asyncio.timeout(5), aclosing(kernel_host.watcher.follow()) as follower:
        async for interfaces in follower:  # both ends come up one after the other
            if interfaces["eth0"].up:
                break
        for up in (False, True):
            kernel_host.namespace.set_link("far", up=up)
            async for interfaces in follower:
                if interfaces["eth0"].up is up:
                    break


async def test_a_change_of_no_interest_is_no_change(
    kernel_host: KernelHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    kernel_host.namespace.ip("link add eth0 type veth peer name far")
    reading = Mock(side_effect=kernel_host.watcher._kernel.interfaces)
    monkeypatch.setattr(kernel_host.watcher._kernel, "interfaces", reading)
    async with aclosing(kernel_host.watcher.follow()) as follower:
        await anext(follower)
        waiting = asyncio.ensure_future(anext(follower))
        before = reading.call_count
        kernel_host.namespace.ip("link set eth0 mtu 1400")
        await asyncio.wait([waiting], timeout=0.1)
        assert reading.call_count > before
        assert not waiting.done()
        kernel_host.rename("eth0", "lan0")
        assert "lan0" in await waiting


async def test_it_reads_only_after_a_change(kernel_host: KernelHost, monkeypatch: pytest.MonkeyPatch) -> None:
    reading = Mock(side_effect=kernel_host.watcher._kernel.interfaces)
    monkeypatch.setattr(kernel_host.watcher._kernel, "interfaces", reading)
    async with aclosing(kernel_host.watcher.follow()) as follower:
        await anext(follower)
        waiting = asyncio.ensure_future(anext(follower))
        await asyncio.wait([waiting], timeout=0.1)
        assert reading.call_count == 1
        kernel_host.add("eth0")
        await waiting
        assert reading.call_count > 1


async def test_changes_are_visible_in_time(kernel_host: KernelHost) -> None:
    kernel_host.add("eth0")
    async with following(kernel_host.watcher) as until:
        await until({"eth0": set()})
        kernel_host.rename("eth0", "lan0")
        changed = time.monotonic()
        await until({"lan0": set()})
        assert time.monotonic() - changed < VISIBLE_WITHIN


async def test_a_burst_of_changes_is_delivered_together(kernel_host: KernelHost) -> None:
    kernel_host.add("eth0")
    async with aclosing(kernel_host.watcher.follow()) as follower:
        await anext(follower)
        kernel_host.namespace.add_addresses("eth0", [f"10.0.0.{number}/32" for number in range(200)])
        assert len((await anext(follower))["eth0"].addresses) >= 200


async def test_lost_events_are_made_good(kernel_host: KernelHost) -> None:
    """2,000 addresses come and go while nobody reads: far more events than the socket can hold."""
    kernel_host.add("eth0")
    addresses = [f"10.0.{number // 250}.{number % 250}/32" for number in range(2000)]
    async with following(kernel_host.watcher) as until:
        await until({"eth0": set()})
        kernel_host.namespace.add_addresses("eth0", addresses)
        kernel_host.namespace.ip("address flush dev eth0 scope global", "link set eth0 name lan0")
        await until({"lan0": set()})
        kernel_host.rename("lan0", "eth0")
        await until({"eth0": set()})


async def test_ten_thousand_addresses_do_not_take_seconds(kernel_host: KernelHost) -> None:
    kernel_host.add("eth0")
    addresses = [f"10.0.{number // 250}.{number % 250}/32" for number in range(10_000)]
    kernel_host.namespace.add_addresses("eth0", addresses)
    async with aclosing(kernel_host.watcher.follow()) as follower:
        started = time.monotonic()
        interfaces = await anext(follower)
        assert time.monotonic() - started < 5  # and not the half minute of one request for each
    assert len(interfaces["eth0"].addresses) == 10_001


async def test_the_namespace_is_the_one_of_its_creation(lab: Lab) -> None:
    (host,) = lab.add("host")
    watcher = watcher_in(host)
    async with aclosing(watcher.follow()) as follower:
        assert set(await anext(follower)) == {"lo"}
    await watcher.close()
