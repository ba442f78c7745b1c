"""From a command's options to the world that it is about: files or a store, other hosts or this one."""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Sequence
from pathlib import Path

from catflap import host as kernel
from catflap.agent.config import ConfigurationError, resolve
from catflap.cli.common import CommandError, Exit
from catflap.cli.content import Content, read_files, read_store
from catflap.cli.hosts import Addresses
from catflap.cli.stores import local_sources, open_configured_store
from catflap.cli.world import Here, World
from catflap.model.addresses import canonical_address
from catflap.model.names import is_interface_name


def open_world(options: argparse.Namespace, paths: Sequence[Path]) -> World:
    """Read everything that `add_world_options` and paths name.

    Raises:
        CommandError: something cannot be read, or the options contradict each other.
    """
    interfaces = read_interfaces(options.assume_interfaces)
    if options.live and (options.host or interfaces):
        raise CommandError(
            "--live is this host with its own interfaces: leave --host and --assume-interfaces out",
            Exit.USAGE,
        )
    here = _here(options.config_file) if options.live else None
    return World(_content(options, paths), here, interfaces)


def _content(options: argparse.Namespace, paths: Sequence[Path]) -> Content:
    if paths:
        return read_files(paths)

    async def read() -> Content:  # stores want to be made where their event loop is
        return await read_store(open_configured_store(options.store, options.config_file))

    return asyncio.run(read())


def _here(config_file: Path | None) -> Here:
    try:
        sources = local_sources(config_file)
        name = resolve(sources)[0]["FelixHostname"]
        return Here(name, sources, asyncio.run(_own_interfaces()))
    except ConfigurationError as error:
        raise CommandError(str(error), Exit.USAGE) from None
    except OSError as error:
        raise CommandError(f"cannot read this host's interfaces: {error}", Exit.UNREACHABLE) from None


async def _own_interfaces() -> Addresses:
    watcher = kernel.LinkWatcher()
    try:
        async for interfaces in watcher.follow():
            return {name: interface.addresses for name, interface in interfaces.items()}
    finally:
        await watcher.close()
    return {}


def read_interfaces(text: str) -> Addresses:
    """The interfaces in ``eth0=10.0.0.1/24,2001:db8::1/64,eth1=``: an address without a name is of the one before.

    Raises:
        CommandError: a name or an address is none.
    """
    found: dict[str, set[str]] = {}
    name = ""
    for item in filter(None, (item.strip() for item in text.split(","))):
        head, equals, address = item.rpartition("=")
        if equals:
            name = head
            if not is_interface_name(name):
                raise CommandError(f"--assume-interfaces: {name!r} is no name of an interface", Exit.USAGE)
        if not name:
            raise CommandError(f"--assume-interfaces: {item!r} must be INTERFACE=ADDRESS", Exit.USAGE)
        addresses = found.setdefault(name, set())
        if address:
            addresses.add(_own_address(address))
    return {name: frozenset(addresses) for name, addresses in found.items()}


def _own_address(text: str) -> str:
    address = text.partition("/")[0]
    try:
        return canonical_address(address)
    except ValueError as error:
        raise CommandError(
            f"--assume-interfaces: {text!r} is no address. {error}".rstrip(), Exit.USAGE
        ) from None
