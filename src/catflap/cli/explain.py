"""``catflap explain``: what becomes of a packet, and why. It sends none, and needs neither root nor a kernel."""

from __future__ import annotations

import argparse
import sys
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

from catflap.cli.common import (
    FOR_PEOPLE,
    PATHS_HELP,
    CommandError,
    Exit,
    add_output_option,
    add_world_options,
    print_data,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from catflap.cli.explanation import Explanation
    from catflap.cli.packets import Draft
    from catflap.cli.questions import Asker

_EPILOG = """\
examples:
  catflap explain examples/02-webserver 'tcp 203.0.113.9 > 198.51.100.1:443'
  catflap explain examples/02-webserver --interface eth0 --direction in 'tcp 192.0.2.7:4242 > 192.0.2.1:22'
  catflap explain examples/02-webserver --interface eth0 --out-interface eth1 'tcp 192.0.2.7 > 203.0.113.9:443'
  catflap explain --store etcd://localhost:2379 --host web1 'icmp 192.0.2.7 > web1-management'
  catflap explain --live --interface eth0 --direction out 'udp [2001:db8::1]:53 > [2001:db8::2]:999'
  catflap explain examples/02-webserver --batch packets.jsonl

A packet is PROTOCOL SOURCE[:PORT] > DESTINATION[:PORT], for ICMP with 'type T code C' behind it. The names of
endpoints stand for their expected IPs. What is left out is filled in where only one thing can be meant.
A batch has one JSON object a line, with id, host, interface, direction, proto, src, sport, dst, dport, icmp_type,
icmp_code, state and out_interface; options hold for lines that leave such a field out. '-' is standard input.

exit codes: 0 allow, 1 deny; of a batch 0, or 1 if any line was invalid; 2 usage, 3 store or kernel unreachable
"""


def add_parser(verbs: Any) -> None:
    """Add the verb to the command line."""
    parser = verbs.add_parser(
        "explain",
        usage="catflap explain [options] [PATH ...] PACKET\n       catflap explain [options] [PATH ...] --batch FILE",
        help="say what becomes of a packet, and why",
        description="Say what becomes of a packet on this or any other host, and why.",
        epilog=_EPILOG,
    )
    parser.add_argument(
        "words",
        metavar="[PATH ...] PACKET",
        nargs="*",
        help=f"{PATHS_HELP} (default: the store); last, in quotes, the packet",
    )
    add_world_options(parser)
    parser.add_argument("--interface", metavar="NAME", help="where the packet comes in, or else goes out")
    parser.add_argument("--out-interface", metavar="NAME", help="where a forwarded packet goes out")
    parser.add_argument(
        "--direction", choices=("in", "out", "forward"), help="the packet's way through the host"
    )
    parser.add_argument(
        "--state",
        choices=("new", "established", "related", "invalid"),
        help="of its connection (default: new)",
    )
    parser.add_argument("--batch", metavar="FILE", help="explain a file of packets, one JSON object a line")
    parser.add_argument(
        "--trace", action="store_true", help="with --batch: tell of each packet how it was decided"
    )
    add_output_option(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Explain one packet, or a batch."""
    words = list(options.words)
    if options.batch:
        return _batch(options, _asker(options, words))
    if not words:
        raise CommandError("which packet? 'catflap explain --help' shows how to write one", Exit.USAGE)
    draft = _draft(words.pop())
    return _one(options, _asker(options, words), draft)


def _asker(options: argparse.Namespace, paths: Sequence[str]) -> Asker:
    from catflap.cli.assembly import open_world
    from catflap.cli.questions import Asker, Defaults
    from catflap.verdict.packet import ConnectionState
    from catflap.verdict.packet import Path as Way

    defaults = Defaults(
        host=options.host,
        interface=options.interface,
        out_interface=options.out_interface,
        direction=options.direction and Way(options.direction),
        state=options.state and ConnectionState(options.state),
    )
    return Asker(open_world(options, [Path(path) for path in paths]), defaults)


def _draft(text: str) -> Draft:
    from catflap.cli.packets import PacketError, read_text

    try:
        return read_text(text)
    except PacketError as error:
        raise CommandError(str(error), Exit.USAGE) from None


def _one(options: argparse.Namespace, asker: Asker, draft: Draft) -> int:
    from catflap.cli.explanation import as_data, explain
    from catflap.cli.packets import PacketError
    from catflap.verdict.result import Outcome

    try:
        explanation = explain(asker.world, asker.question(draft))
    except PacketError as error:
        for problem in asker.world.problems:  # what is missing may be in an invalid object
            print(f"catflap: {asker.world.describe(problem)}", file=sys.stderr)
        raise CommandError(str(error), Exit.USAGE) from None
    if options.live:
        explanation = _with_foreign_chains(explanation)
    if options.output == FOR_PEOPLE:
        from catflap.cli.explanation_report import show

        show(explanation)
    else:
        print_data(options.output, as_data(explanation))
    return Exit.SUCCESS if explanation.verdict.outcome is Outcome.ALLOW else Exit.NO


def _with_foreign_chains(explanation: Explanation) -> Explanation:
    """With a note on the other tables of this host that the packet meets."""
    import msgspec

    from catflap.cli.foreign_chains import on_the_way
    from catflap.doctor import ProgramError, ThisHost

    packet = explanation.question.packet
    try:
        found = on_the_way(ThisHost(), packet.path, packet.ip_version)
    except ProgramError as error:
        note = f"Whether other tables drop it is not known: {error}."
    else:
        if not found:
            return explanation
        note = f"Base chains of other tables may drop it, too: {', '.join(found)}."
    return msgspec.structs.replace(explanation, notes=(*explanation.notes, note))


def _batch(options: argparse.Namespace, asker: Asker) -> int:
    from catflap.cli.explain_batch import Batch

    batch = Batch(asker, trace=options.trace)
    with _lines(options.batch) as lines:
        for line in batch.answers(lines):
            sys.stdout.write(line.decode() + "\n")
    if batch.failed:
        print(f"catflap: {batch.failed} lines could not be answered: see their field error", file=sys.stderr)
    return Exit.NO if batch.failed else Exit.SUCCESS


def _lines(name: str) -> AbstractContextManager[Iterable[bytes]]:
    if name == "-":
        return nullcontext(sys.stdin.buffer)
    try:
        return Path(name).open("rb")
    except OSError as error:
        raise CommandError(f"cannot read {name}: {error.strerror}", Exit.USAGE) from None
