"""Takes away what an earlier agent of Calico has left, in an order that is safe at each step, and nothing else.

Of each table of iptables first the rules go that lead to the chains, then the chains, all at once or not at all; then
the IP sets, which by then nothing uses; then Calico's tables in nf_tables. A step that fails ends it: what is left can
be found and removed again.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from catflap.doctor.leftovers import IptablesLeftovers, Leftovers
from catflap.doctor.port import Host, ProgramError

WAIT = "5"  # seconds for the lock of iptables-legacy


class RemovalError(Exception):
    """A step failed. The text says which, why, and what was done before."""


class Step(msgspec.Struct, frozen=True):
    """One command that takes something away: what it does, and its input."""

    about: str
    command: tuple[str, ...]
    stdin: str = ""


def removal_steps(leftovers: Leftovers) -> list[Step]:
    """What removes all of it, in order."""
    return [
        *map(_iptables_step, leftovers.iptables),
        *(Step(f"IP set {name}", ("ipset", "destroy", name)) for name in leftovers.sets),
        *(
            Step(f"nftables table {title}", ("nft", "delete", "table", *title.split(" ")))
            for title in leftovers.nft_tables
        ),
    ]


def described(steps: Sequence[Step]) -> Iterator[str]:
    """The steps as lines to read before they are taken; commands of an input stand below."""
    for step in steps:
        yield f"{step.about}: {' '.join(step.command)}"
        yield from (f"    {line}" for line in step.stdin.splitlines())


def remove(host: Host, steps: Sequence[Step]) -> None:
    """Take the steps.

    Raises:
        RemovalError: one failed; those before it are done, those after it are not.
    """
    for number, step in enumerate(steps):
        try:
            host.run(*step.command, stdin=step.stdin)
        except ProgramError as error:
            raise RemovalError(
                f"{step.about} could not be removed: {error}; {number} of {len(steps)} steps are done, "
                "and it is safe to repeat this command"
            ) from None


def _iptables_step(each: IptablesLeftovers) -> Step:
    commands = [
        f"*{each.table}",
        *(f"-D {rule.removeprefix('-A ')}" for rule in each.rules),
        *(f"-F {chain}" for chain in each.chains),
        *(f"-X {chain}" for chain in each.chains),
        "COMMIT",
    ]
    command = (f"{each.program}-restore", "--noflush", "--wait", WAIT)
    return Step(each.title, command, "".join(f"{line}\n" for line in commands))
