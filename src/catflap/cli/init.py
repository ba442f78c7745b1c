"""``catflap init``: make a store ready, once; the step that the guide does by hand."""

from __future__ import annotations

import argparse
import json
from typing import TYPE_CHECKING, Any

from catflap.cli.common import (
    FOR_PEOPLE,
    CommandError,
    Exit,
    add_config_option,
    add_output_option,
    add_store_option,
    print_data,
)

if TYPE_CHECKING:
    from catflap.store import Store

_EPILOG = """\
examples:
  catflap init --store etcd://localhost:2379
  catflap init --store dir:/etc/catflap/policy

Safe to repeat: it changes nothing in a store that is ready.
"""


def add_parser(verbs: Any) -> None:
    """Add the verb to the command line."""
    parser = verbs.add_parser(
        "init",
        help="set the Ready flag of a store, so that agents begin to enforce",
        description="Set the Ready flag of a store, so that agents begin to enforce what it holds.",
        epilog=_EPILOG,
    )
    add_config_option(parser)
    add_store_option(parser)
    add_output_option(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Initialise the store and say what was done."""
    import asyncio

    from catflap.cli.stores import open_configured_store
    from catflap.store import StoreError, StoreUnavailableError

    try:
        store = open_configured_store(options.store, options.config_file)
        path, was, now = asyncio.run(_initialise(store))
    except StoreUnavailableError as error:
        raise CommandError(
            f"{error}; is it running there? --store names another store", Exit.UNREACHABLE
        ) from None
    except StoreError as error:
        raise CommandError(str(error), Exit.UNREACHABLE) from None
    changed = was != now
    if options.output == FOR_PEOPLE:
        print(f"{store.url}: {path} " + (f"set to {now} (it was {was})" if changed else f"is already {now}"))
    else:
        data = {"store": store.url, "path": path, "changed": changed, "value": now}
        print_data(options.output, data)
    return Exit.SUCCESS


async def _initialise(store: Store) -> tuple[str, str, str]:
    """Set the flag if need be; returns its path, what it was, and what it is."""
    try:
        if store.driver == "directory":
            return await _set_cluster_information(store)
        return await _set_ready(store)
    finally:
        await store.close()


async def _set_ready(store: Store) -> tuple[str, str, str]:
    from catflap.agent.mirror import READY_PATHS

    ready_path, cluster_path = READY_PATHS
    cluster = await store.get(cluster_path)
    if cluster is not None and not _datastore_ready(cluster):
        raise CommandError(
            f"{store.url}: {cluster_path} says datastoreReady is not true, which holds all agents back;"
            " set it with the tool that wrote it (calicoctl datastore migrate unlock)"
        )
    was = await store.get(ready_path)
    if was != b"true":
        await store.write([(ready_path, b"true")])
    return ready_path, "not set" if was is None else was.decode(errors="replace"), "true"


async def _set_cluster_information(store: Store) -> tuple[str, str, str]:
    from catflap.agent.mirror import READY_PATHS
    from catflap.store import StoreUnavailableError

    path = READY_PATHS[1]
    try:
        was = await store.get(path)
    except StoreUnavailableError:  # no directory yet: writing makes it, or says what else is wrong
        was = None
    if was is not None and _datastore_ready(was):
        return path, "ready", "ready"
    document = {
        "apiVersion": "projectcalico.org/v3",
        "kind": "ClusterInformation",
        "metadata": {"name": "default"},
        "spec": {"datastoreReady": True},
    }
    await store.write([(path, json.dumps(document).encode())])
    return path, "not set" if was is None else "not ready", "ready"


def _datastore_ready(value: bytes) -> bool:
    try:
        return bool(json.loads(value)["spec"]["datastoreReady"] is True)
    except (ValueError, KeyError, TypeError):
        return False
