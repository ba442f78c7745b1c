"""``catflap agent``: the daemon, in the foreground, as init systems want it."""

from __future__ import annotations

import argparse
from typing import Any

from catflap.cli.common import CommandError, Exit, add_config_option, add_store_option

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
    import asyncio
    import signal

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
        from catflap.cli.agent_process import (
            run_agent,
        )  # takes a moment: not before SIGHUP and lock are seen to

        return asyncio.run(run_agent(options, configuration))
