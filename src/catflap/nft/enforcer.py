"""Makes the kernel enforce a host policy: compile, plan, run, and remember what was programmed.

It never trusts memory after a failure: the next call reads the kernel again. It blocks, so the agent calls it in a
worker thread, one call at a time.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

import msgspec

from catflap.nft.compile import Compiler
from catflap.nft.load import loading
from catflap.nft.names import UnsupportedInterface
from catflap.nft.plan import Existing, Phase, Transaction, plan
from catflap.nft.port import Nft, NftError
from catflap.nft.read import existing
from catflap.nft.ruleset import RuleSet
from catflap.policy.host_policy import HostPolicy


class EnforceError(Exception):
    """The kernel refused a part. It enforces the old policy or the new one, never a mixture."""


class Enforced(msgspec.Struct, frozen=True):
    """What one call did. ``seconds`` is the time from policy to kernel; ``unsupported`` is not policed.

    ``rule_set`` is what the kernel enforces from now on.
    """

    transactions: int
    seconds: float
    unsupported: tuple[UnsupportedInterface, ...] = ()
    rule_set: RuleSet = RuleSet()


class Enforcer:
    """Brings the table of one network namespace to what policy says.

    Args:
        nft: the namespace's nf_tables.
        on_tracking: called when the kernel has just begun to track connections, before any rule asks for their state.
    """

    def __init__(self, nft: Nft, on_tracking: Callable[[], None] = lambda: None) -> None:
        self._nft = nft
        self._on_tracking = on_tracking
        self._compiler = Compiler()
        self._programmed: Existing | None = None  # None: unknown, to be read

    def enforce(self, policy: HostPolicy) -> Enforced:
        """Program what differs from the last call; the first call takes over what the kernel holds, without a gap.

        Raises:
            EnforceError: the kernel or libnftables refused.
        """
        start = time.perf_counter()
        compiled = self._compiler.compile(policy)
        before, self._programmed = self._programmed, None
        try:
            transactions = plan(before or existing(self._nft.list_table()), compiled.rule_set)
            self._run(transactions)
        except NftError as error:
            raise EnforceError(f"cannot program nftables: {error}") from error
        self._programmed = Existing.of(compiled.rule_set)
        seconds = time.perf_counter() - start
        return Enforced(len(transactions), seconds, compiled.unsupported, compiled.rule_set)

    def _run(self, transactions: Iterable[Transaction]) -> None:
        for transaction in transactions:
            self._nft.run(transaction.text)
            if transaction.phase is Phase.TRACK:
                self._on_tracking()

    def in_force(self) -> bool:
        """Whether the kernel holds a rule set of ours that packets meet, and not just what was left half made.

        Raises:
            EnforceError: the kernel cannot be asked.
        """
        try:
            return existing(self._nft.list_table()).in_force
        except NftError as error:
            raise EnforceError(f"cannot read nftables: {error}") from error

    def load(self, text: str) -> None:
        """Put in force what `RuleSet.text` gave once, in this version or another, where no rule set is in force.

        Raises:
            EnforceError: the kernel or libnftables refused; nothing of it is in force.
        """
        self._programmed = None  # the first policy finds it as it would find that of another agent
        try:
            self._run(loading(existing(self._nft.list_table()), text))
        except NftError as error:
            raise EnforceError(f"cannot program nftables: {error}") from error

    def block_workloads(self, prefixes: tuple[str, ...]) -> None:
        """Block workload interfaces until policy is known. Where a rule set is in force already, it stays as it is.

        Raises:
            EnforceError: the kernel or libnftables refused, or cannot be asked.
        """
        if not self.in_force():
            self.enforce(HostPolicy(workload_prefixes=prefixes))

    def forget(self) -> None:
        """Somebody else changed the table: the next call reads it and writes every chain anew."""
        self._programmed = None
