"""Makes the kernel enforce a host policy: compile, plan, run, and remember what was programmed.

It never trusts memory after a failure: the next call reads the kernel again. What it has written it reads back as the
kernel tells it, so that a change by somebody else can be found later and undone. It blocks, so the agent calls it in a
worker thread, one call at a time.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Mapping

import msgspec
from msgspec.structs import replace

from catflap.nft.compile import Compiler
from catflap.nft.content import NO_RULES
from catflap.nft.damage import Known, Touched, look
from catflap.nft.names import UnsupportedInterface
from catflap.nft.nfnetlink import Generation
from catflap.nft.plan import Existing, Phase, Transaction, plan, rewritten
from catflap.nft.port import Nft, NftError
from catflap.nft.read import existing
from catflap.nft.ruleset import TABLE, RuleSet, block
from catflap.policy.host_policy import HostPolicy

_TRIES = 3  # to write chains that nobody else changes before they are read back
_GENERATIONS = 0xFFFFFFFF  # then their numbers begin anew
_OWNED = (
    f"another program has made table {TABLE} its own (nft's flag owner): nobody else may change it until that program"
    " ends or deletes it; stop it"
)
_WAKE = block((), (), ())  # takes the flag "dormant" from a table


class EnforceError(Exception):
    """The kernel refused a part. It enforces the old policy or the new one, never a mixture."""


class Enforced(msgspec.Struct, frozen=True):
    """What one call did. ``seconds`` is the time from policy to kernel; ``unsupported`` is not policed."""

    transactions: int
    seconds: float
    unsupported: tuple[UnsupportedInterface, ...] = ()


class Repaired(msgspec.Struct, frozen=True):
    """What was found to be damaged, in words, and what it took to undo it."""

    damage: tuple[str, ...] = ()
    transactions: int = 0
    seconds: float = 0.0


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
        self._wanted: RuleSet | None = None  # what was in force last
        self._known: Known | None = None  # None: what the kernel holds is unknown, to be read
        self._generation: int | None = None  # after our last transaction
        self._threads: frozenset[int] = frozenset()

    @property
    def known(self) -> Known | None:
        """What the kernel holds unless somebody else changed it; None where that is not known."""
        return self._known

    def is_own(self, generation: Generation) -> bool:
        """Whether a commit is ours: made by a thread that works here. May be asked from any thread."""
        return generation.thread in self._threads

    def enforce(self, policy: HostPolicy) -> Enforced:
        """Program what differs from the last call; the first call takes over what the kernel holds, without a gap.

        Raises:
            EnforceError: the kernel or libnftables refused.
        """
        start = time.perf_counter()
        compiled = self._compiler.compile(policy)
        transactions, seconds = self._bring(compiled.rule_set, self._held(), start)
        return Enforced(transactions, seconds, compiled.unsupported)

    def block_workloads(self, prefixes: tuple[str, ...]) -> None:
        """Block workload interfaces until policy is known. Where our table exists already, it stays as it is.

        Raises:
            EnforceError: the kernel or libnftables refused, or cannot be asked.
        """
        try:
            present = self._nft.list_table() is not None
        except NftError as error:
            raise EnforceError(f"cannot read nftables: {error}") from error
        if not present:
            self.enforce(HostPolicy(workload_prefixes=prefixes))

    def repair(self, touched: Touched) -> Repaired:
        """Undo what somebody else did: look at what was touched, and bring it back to what was in force last.

        Nothing happens before the first policy is in force. Connections are not taken over anew: the kernel keeps
        what it knows of them when a table goes.

        Raises:
            EnforceError: the kernel or libnftables refused.
        """
        start = time.perf_counter()
        wanted, known = self._wanted, self._known
        if wanted is None:
            return Repaired()
        try:
            found = look(self._nft, known, touched) if known else None
            if found and found.owned:
                raise EnforceError(_OWNED)
            if found and found.dormant:
                self._run(_WAKE)
        except NftError:
            found = None
        if found and not found.damage:
            return Repaired()
        damage = found.damage if found else ("nobody knows what: everything is written anew",)
        before = found.existing if found else None
        transactions, seconds = self._bring(wanted, before, start, repairing=True)
        return Repaired(damage, transactions + bool(found and found.dormant), seconds)

    def _held(self) -> Existing | None:
        """What the kernel holds, as far as that is known."""
        return None if self._known is None else Existing.of(self._known.rule_set)

    def forget(self) -> None:
        """Somebody else changed the table: the next call reads it and writes every chain anew."""
        self._known = None

    def _bring(
        self, wanted: RuleSet, before: Existing | None, start: float, *, repairing: bool = False
    ) -> tuple[int, float]:
        """Program what is wanted; returns how many transactions that took, and seconds since ``start`` until then.

        Args:
            wanted: what the kernel shall hold.
            before: what it holds; None has it read.
            start: by `time.perf_counter`.
            repairing: connections were taken over before.
        """
        digests = self._known.digests if self._known else {}
        self._known = None
        try:
            if before is not None:
                try:
                    return self._program(wanted, before, digests, start, repairing=repairing)
                except NftError:
                    if self._nft.generation().id == self._generation:
                        raise
            # Not known, or somebody else has made it another state than the one that was planned for.
            before = existing(self._nft.list_table())
            return self._program(wanted, before, {}, start, repairing=repairing)
        except NftError as error:
            raise EnforceError(f"cannot program nftables: {error}") from error

    def _program(
        self,
        wanted: RuleSet,
        before: Existing,
        digests: Mapping[str, str],
        start: float,
        *,
        repairing: bool,
    ) -> tuple[int, float]:
        """Run the difference, and read back what was written; again where somebody else commits in between."""
        transactions = plan(before, wanted)
        written = rewritten(before, wanted) if transactions else []
        calm = self._run_all(transactions, repairing=repairing)
        count, seconds = len(transactions), time.perf_counter() - start
        read = self._read_back(written) if calm else None
        for _ in range(_TRIES):
            if read is not None:
                break
            rest = Existing.of(wanted)
            rules = {name: lines for name, lines in rest.rules.items() if name not in written}
            again = plan(replace(rest, rules=rules), wanted)
            calm = self._run_all(again, repairing=repairing)
            count += len(again)
            read = self._read_back(written) if calm else None
        kept = {name: digests[name] for name in wanted.chains if name in digests and name not in written}
        self._wanted, self._known = wanted, Known(wanted, {**kept, **(read or {})})
        return count, seconds

    def _run_all(self, transactions: Iterable[Transaction], *, repairing: bool) -> bool:
        """Returns whether nobody else committed in between."""
        calm = True
        for transaction in transactions:
            calm &= self._run(transaction.text)
            if transaction.phase is Phase.TRACK and not repairing:
                self._on_tracking()
        return calm

    def _run(self, commands: str) -> bool:
        before = self._nft.generation()
        self._threads |= {before.thread}  # before anybody can see the commit
        self._nft.run(commands)
        self._generation = self._nft.generation().id
        return self._generation - before.id & _GENERATIONS <= 1

    def _read_back(self, chains: Collection[str]) -> dict[str, str] | None:
        """Digests of chains that were just written; None where somebody else has committed since."""
        if not chains:
            return {}
        digests = self._nft.chain_digests(chains)
        if self._nft.generation().id != self._generation:
            return None
        return {name: digests.get(name, NO_RULES) for name in chains}
