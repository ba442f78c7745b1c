"""``catflap render``: the rule set of any host as nft text, without root and without touching a kernel."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from catflap.cli.common import PATHS_HELP, CommandError, Exit, add_world_options

if TYPE_CHECKING:
    from collections.abc import Iterator

    from catflap.cli.hosts import Host
    from catflap.cli.world import World
    from catflap.nft import Compiled
    from catflap.policy import HostPolicy

_EPILOG = """\
examples:
  catflap render examples/01-failsafe-policy       files, of the only host that they speak of
  catflap render --store etcd://localhost:2379 --host web1
  catflap render --live                            this host, as its agent would enforce it
  catflap render --no-optimize policy/             every rule on a line, however many there are
  catflap render --counters rule policy/           with counters for each rule
  catflap render policy/ --host web1 --assume-interfaces eth0=192.0.2.1/24,eth1=198.51.100.1/24

The same input always gives the same text, so that two of them can be compared with diff. What cannot be part of it,
such as invalid objects, is told on stderr.
"""


def add_parser(verbs: Any) -> None:
    """Add the verb to the command line."""
    parser = verbs.add_parser(
        "render",
        help="print the nftables rule set of this or any other host",
        description="Print the nftables rule set of this or any other host, as its agent would program it.",
        epilog=_EPILOG,
    )
    parser.add_argument(
        "paths",
        metavar="PATH",
        type=Path,
        nargs="*",
        help=f"{PATHS_HELP} (default: the store)",
    )
    add_world_options(parser)
    parser.add_argument(
        "--no-optimize",
        action="store_true",
        help="every rule on a line of its own, as an agent with NftablesOptimize=false writes it",
    )
    parser.add_argument(
        "--counters",
        choices=("none", "policy", "rule"),
        default="none",
        help="count packets, as an agent with such PolicyCounters does (default: none)",
    )
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Print the rule set."""
    from msgspec.structs import replace

    from catflap.cli.assembly import open_world
    from catflap.nft import DEFAULT_STYLE, NO_LOOKUPS, Counting, compile_policy

    world = open_world(options, options.paths)
    host = _host(world, options.host)
    policy = host.policy()
    style = NO_LOOKUPS if options.no_optimize else DEFAULT_STYLE
    compiled = compile_policy(policy, replace(style, counting=Counting(options.counters)))
    for remark in _remarks(world, host, compiled):
        print(f"catflap: {remark}", file=sys.stderr)
    print(_header(host.name, policy) + compiled.rule_set.text(), end="")
    return Exit.SUCCESS


def _host(world: World, name: str | None) -> Host:
    name = name or world.only_host
    if name is None:
        hosts = ", ".join(world.hosts) or f"{world.content.origin} names none"
        raise CommandError(f"which host? Name it with --host: {hosts}", Exit.USAGE)
    return world.host(name)


def _header(name: str, policy: HostPolicy) -> str:
    counts = {
        "interfaces": len(policy.interfaces),
        "workloads": len(policy.workloads),
        "policies": len(policy.policies),
        "profiles": len(policy.profiles),
        "sets": len(policy.ip_sets) + len(policy.port_sets),
    }
    listed = ", ".join(f"{what}: {count}" for what, count in counts.items())
    return f"# The rule set of host {name}, by catflap render.\n# {listed}\n"


def _remarks(world: World, host: Host, compiled: Compiled) -> Iterator[str]:
    """What people must know who read the text."""
    yield from map(world.describe, world.problems)
    yield from host.notes
    yield from host.engine.notices
    for item in compiled.unsupported:
        yield f"Interface {item.name} cannot be policed: {item.reason}"
    for endpoint in host.unplaced:
        yield (
            f"Host endpoint {endpoint.name} is left out: it is not known which interface carries"
            f" {', '.join(endpoint.expected_ips)}; --assume-interfaces NAME={endpoint.expected_ips[0]} says so"
        )
