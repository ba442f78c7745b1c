"""``catflap agent``: the daemon, in the foreground, as init systems want it."""

from __future__ import annotations

import argparse
import asyncio
import logging
import signal
from typing import TYPE_CHECKING, Any

from catflap.cli.common import CommandError, Exit, add_config_option, add_store_option

if TYPE_CHECKING:
    from catflap.agent.daemon import Agent
    from catflap.agent.enforcement import Enforcement
    from catflap.agent.store_configuration import StoreConfiguration

_EPILOG = """\
examples:
  catflap agent                                    as /etc/calico/felix.cfg says
  FELIX_ETCDENDPOINTS=http://10.0.0.1:2379 catflap agent
  catflap agent --store dir:/etc/catflap/policy    one host, without etcd
  catflap agent --once                             enforce what the store holds now, and exit

Configuration comes from FELIX_<PARAMETER> in the environment, then the file, then the store. SIGHUP reads the file
again; SIGTERM ends the agent, and what it enforces stays in force.
"""


def add_parser(verbs: Any) -> None:
    """Add the verb to the command line."""
    parser = verbs.add_parser(
        "agent",
        help="police this host's interfaces as the store says",
        description="Police the network interfaces of this host as the store says.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_config_option(parser)
    add_store_option(parser)
    parser.add_argument("--once", action="store_true", help="enforce what the store holds now, and exit")
    parser.add_argument(
        "--timeout",
        metavar="SECONDS",
        type=float,
        default=30.0,
        help="how long --once waits for the store (default: %(default)g)",
    )
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Run the agent until it is told to stop."""
    from catflap.agent.config import ConfigurationError
    from catflap.agent.lock import LockError, acquire_lock
    from catflap.agent.store_configuration import StoreConfiguration
    from catflap.cli.stores import local_sources

    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # until it can be served: it must not end the agent
    try:
        configuration = StoreConfiguration(lambda: local_sources(options.config_file))
        lock = acquire_lock()
    except ConfigurationError as error:
        raise CommandError(str(error), Exit.USAGE) from None
    except LockError as error:
        raise CommandError(str(error)) from None
    with lock:
        return asyncio.run(_run(options, configuration))


async def _run(options: argparse.Namespace, configuration: StoreConfiguration) -> int:
    import catflap
    from catflap.agent.connect import store_options, store_url
    from catflap.agent.connections import keep_existing_connections
    from catflap.agent.daemon import Agent
    from catflap.agent.enforcement import Enforcement
    from catflap.agent.logs import Logs
    from catflap.agent.workloads import WorkloadSetup
    from catflap.host import LinkWatcher, WorkloadLinks
    from catflap.nft import EnforceError, Enforcer, LibNftables, NftError
    from catflap.store import StoreError, open_store

    current = configuration.current
    try:
        store = open_store(options.store or store_url(current), store_options(current))
    except StoreError as error:
        raise CommandError(str(error), Exit.USAGE) from None
    try:
        enforcer = Enforcer(LibNftables(), on_tracking=keep_existing_connections)
        # This fails now, with the reason, where the kernel or our capabilities do not allow it.
        enforcer.block_workloads(current["InterfacePrefix"])
    except (NftError, EnforceError) as error:
        raise CommandError(str(error), Exit.UNREACHABLE) from None
    workloads = WorkloadSetup(WorkloadLinks())
    enforcement = Enforcement(enforcer, on_enforced=workloads.set_policy)
    logs = Logs()
    logs.configure(current)
    logging.getLogger(__name__).info(
        "Catflap %s initializing, with the store %s", catflap.__version__, store.url
    )
    interfaces = LinkWatcher()
    agent = Agent(
        store=store,
        interfaces=interfaces,
        enforcement=enforcement,
        workloads=workloads,
        configuration=configuration,
        on_configuration=logs.configure,
    )
    try:
        return await _serve(agent, enforcement, options)
    finally:
        await store.close()
        await interfaces.close()


async def _serve(agent: Agent, enforcement: Enforcement, options: argparse.Namespace) -> int:
    """Run until a signal, a fault of ours or, with ``--once``, the first enforcement."""
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    loop.add_signal_handler(signal.SIGHUP, agent.reload)
    running = asyncio.create_task(agent.run())
    waiting = [running, asyncio.create_task(stop.wait())]
    if options.once:
        waiting.append(asyncio.create_task(enforcement.first_done.wait()))
    await asyncio.wait(
        waiting,
        timeout=options.timeout if options.once else None,
        return_when=asyncio.FIRST_COMPLETED,
    )
    for task in waiting:
        task.cancel()
    await asyncio.wait(waiting)
    if not running.cancelled():
        running.result()  # raises what ended the agent
    logging.getLogger(__name__).info("Terminating; what is enforced stays in force")
    if options.once and not enforcement.first_done.is_set() and not stop.is_set():
        raise CommandError(
            f"nothing was enforced within {options.timeout:g} s: {agent.waiting_for or 'see the log'}",
            Exit.UNREACHABLE,
        )
    return Exit.SUCCESS
