"""Makes the kernel enforce a host policy: compile, plan, run, and remember what was programmed.

What the kernel refuses is isolated: the rest is enforced, and the interfaces concerned stay as they were or are closed
to what is new. It never trusts memory after a failure: the next call reads the kernel again. What it has written it
reads back as the kernel tells it, so that a change by somebody else can be found later and undone. It blocks, so the
agent calls it in a worker thread, one call at a time.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Collection, Iterable, Mapping

import msgspec
from msgspec.structs import replace

from catflap.nft.compile import Compiled, Compiler
from catflap.nft.content import NO_RULES, CounterValue
from catflap.nft.counters import Counted
from catflap.nft.damage import TABLE_DELETED, Damage, DamageKind, Known, Touched, look
from catflap.nft.degrade import closed, kept
from catflap.nft.isolate import refused_objects
from catflap.nft.load import as_it_is, understood
from catflap.nft.names import UnsupportedInterface
from catflap.nft.nfnetlink import Generation
from catflap.nft.place import changes_intervals_in_place, place
from catflap.nft.plan import Existing, Phase, Transaction, plan, rewritten
from catflap.nft.port import Nft, NftError
from catflap.nft.quarantine import Quarantine, Refused, title
from catflap.nft.reach import interfaces_that_meet
from catflap.nft.read import existing
from catflap.nft.ruleset import TABLE, RuleSet, block
from catflap.nft.style import DEFAULT_STYLE, RuleStyle
from catflap.policy.host_policy import HostPolicy

_TRIES = 3  # to write chains that nobody else changes before they are read back
_GENERATIONS = 0xFFFFFFFF  # then their numbers begin anew
_OWNED = (
    f"another program has made table {TABLE} its own (nft's flag owner): nobody else may change it until that program"
    " ends or deletes it; stop it"
)
_UNKNOWN = Damage(DamageKind.UNKNOWN, "nobody knows what: everything is written anew")
_WAKE = block((), (), ())  # takes the flag "dormant" from a table


class EnforceError(Exception):
    """The kernel refused a part. It enforces the old policy or the new one, never a mixture."""


class Enforced(msgspec.Struct, frozen=True):
    """What one call did. ``seconds`` is the time from policy to kernel; ``unsupported`` is not policed.

    ``refused`` is what the kernel refuses: what was asked for is not enforced on its interfaces.
    ``rule_set`` is what the kernel enforces from now on.
    """

    transactions: int
    seconds: float
    unsupported: tuple[UnsupportedInterface, ...] = ()
    refused: tuple[Refused, ...] = ()
    rule_set: RuleSet = RuleSet()


class Repaired(msgspec.Struct, frozen=True):
    """What was found to be damaged, and what it took to undo it."""

    damage: tuple[Damage, ...] = ()
    transactions: int = 0
    seconds: float = 0.0


class Enforcer:
    """Brings the table of one network namespace to what policy says.

    Args:
        nft: the namespace's nf_tables.
        on_tracking: called when the kernel has just begun to track connections, before any rule asks for their state.
        in_place: whether interval sets in use may change, see `place`; None looks at the kernel's version.
        style: how rules are written.
    """

    def __init__(
        self,
        nft: Nft,
        on_tracking: Callable[[], None] = lambda: None,
        *,
        in_place: bool | None = None,
        style: RuleStyle = DEFAULT_STYLE,
    ) -> None:
        self._nft = nft
        self._on_tracking = on_tracking
        self._in_place = changes_intervals_in_place(os.uname().release) if in_place is None else in_place
        self._compiler = Compiler(style)
        self._quarantine = Quarantine()
        self._in_force = HostPolicy()  # what was asked for, or what is enforced instead
        self._closed: frozenset[str] = frozenset()  # interfaces that are closed in it, since it was refused
        self._counted: Mapping[str, Counted] = {}  # by the names of counters
        self._wanted: RuleSet | None = None  # what was in force last
        self._fallback = ""  # what is loaded where the table goes before that is known
        self._known: Known | None = None  # None: what the kernel holds is unknown, to be read
        self._generation: int | None = None  # after our last transaction
        self._threads: frozenset[int] = frozenset()

    @property
    def known(self) -> Known | None:
        """What the kernel holds unless somebody else changed it; None where that is not known."""
        return self._known

    def counters(self) -> dict[Counted, CounterValue]:
        """What has been counted so far, read from the kernel. May be asked from any thread.

        Raises:
            NftError: it cannot be read.
        """
        counted = self._counted
        if not counted:
            return {}
        values = self._nft.counters()
        return {counted[name]: value for name, value in values.items() if name in counted}

    @property
    def style(self) -> RuleStyle:
        """How rules are written; may be set, and holds from the next policy on."""
        return self._compiler.style

    @style.setter
    def style(self, style: RuleStyle) -> None:
        if style != self._compiler.style:
            self._compiler = Compiler(style)

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
        refused = self._quarantine.among(compiled.rule_set)
        if refused:
            with contextlib.suppress(NftError):  # there may be more by now
                return self._enforce_rest(policy, compiled, refused, start)
        try:
            try:
                return self._enforce(policy, compiled, start)
            except NftError as error:
                refused = self._isolate(compiled.rule_set, error)
            return self._enforce_rest(policy, compiled, refused, start)
        except NftError as error:
            raise _failure(error) from error

    def _enforce(self, policy: HostPolicy, compiled: Compiled, start: float) -> Enforced:
        transactions, seconds = self._bring(compiled.rule_set, self._held(), start)
        self._in_force, self._closed, self._counted = policy, frozenset(), compiled.counted
        return Enforced(transactions, seconds, compiled.unsupported, rule_set=compiled.rule_set)

    def _isolate(self, desired: RuleSet, error: NftError) -> Mapping[str, str]:
        """The objects that the kernel refuses, with its reasons. If it cannot be told which, the error is raised."""
        before = existing(self._nft.list_table())
        refused = refused_objects(self._nft, before, desired, in_place=self._in_place)
        if not refused:
            raise error
        return refused

    def _enforce_rest(
        self, policy: HostPolicy, compiled: Compiled, objects: Mapping[str, str], start: float
    ) -> Enforced:
        """Enforce the policy but for the interfaces that meet what is refused: these stay as they were, or close."""
        names = [item.interface for item in policy.interfaces] + [item.interface for item in policy.workloads]
        meeting = {name: interfaces_that_meet(compiled.rule_set, names, (name,)) for name in objects}
        if not all(meeting.values()):  # it is in the way of all
            raise NftError("; ".join(f"{name}: {reason}" for name, reason in objects.items()))
        concerned = frozenset().union(*meeting.values())
        found, shut = self._enforce_degraded(policy, concerned, start)
        self._closed = shut
        self._quarantine.put(compiled.rule_set, objects)
        refused = (
            Refused(title(compiled.rule_set, name), objects[name], where, kept=where_kept)
            for name in sorted(objects)
            for where_kept in (True, False)
            if (where := tuple(item for item in meeting[name] if (item not in shut) == where_kept))
        )
        return replace(found, refused=tuple(refused))

    def _enforce_degraded(
        self, policy: HostPolicy, interfaces: frozenset[str], start: float
    ) -> tuple[Enforced, frozenset[str]]:
        """Returns the interfaces that are closed as well."""
        last = kept(policy, self._in_force, interfaces - self._closed)
        if last is not None:
            rest, staying = last
            shut = interfaces - staying
            # Where the kernel does not take the last state either, that is left.
            with contextlib.suppress(NftError):
                return self._enforce_closed(rest, shut, start), shut
        return self._enforce_closed(policy, interfaces, start), interfaces

    def _enforce_closed(self, policy: HostPolicy, interfaces: frozenset[str], start: float) -> Enforced:
        rest = closed(policy, interfaces)
        return self._enforce(rest, self._compiler.compile(rest), start)

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

        The first policy finds it as it would find that of another agent. Until then it is repaired as a policy is.

        Raises:
            EnforceError: the kernel or libnftables refused; nothing of it is in force.
        """
        rule_set = understood(text)
        try:
            if rule_set is None:
                self._run_all(as_it_is(text), repairing=False)
                return
            if self._nft.list_table() is not None:  # left half made: packets never met it
                self._run(Transaction(Phase.SWEEP, f"delete table {TABLE}\n"))
            self._bring(rule_set, Existing(), time.perf_counter())
        except NftError as error:
            raise _failure(error) from error
        self._known = None

    def fall_back_to(self, text: str) -> None:
        """Remember what to `load` if somebody deletes the table that is in force before the first policy is known."""
        self._fallback = text

    def block_workloads(self, prefixes: tuple[str, ...]) -> None:
        """Block workload interfaces until policy is known. Where a rule set is in force already, it stays as it is.

        Raises:
            EnforceError: the kernel or libnftables refused, or cannot be asked.
        """
        if not self.in_force():
            self.enforce(HostPolicy(workload_prefixes=prefixes))

    def repair(self, touched: Touched) -> Repaired:
        """Undo what somebody else did: look at what was touched, and bring it back to what was in force last.

        Before the first policy is in force a table that is still there is left alone, see `fall_back_to`. Connections
        are not taken over anew: the kernel keeps what it knows of them when a table goes.

        Raises:
            EnforceError: the kernel or libnftables refused.
        """
        start = time.perf_counter()
        wanted, known = self._wanted, self._known
        if wanted is None:
            return self._load_fallback(start)
        try:
            found = look(self._nft, known, touched) if known else None
            if found and found.owned:
                raise EnforceError(_OWNED)
            if found and found.dormant:
                self._run(Transaction(Phase.SWITCH, _WAKE))
        except NftError:
            found = None
        if found and not found.damage:
            return Repaired()
        damage = found.damage if found else (_UNKNOWN,)
        before = found.existing if found else None
        try:
            transactions, seconds = self._bring(wanted, before, start, repairing=True)
        except NftError as error:
            raise _failure(error) from error
        return Repaired(damage, transactions + bool(found and found.dormant), seconds)

    def _load_fallback(self, start: float) -> Repaired:
        if not self._fallback or self.in_force():
            return Repaired()
        self.load(self._fallback)
        return Repaired((TABLE_DELETED,), 1, time.perf_counter() - start)

    def _held(self) -> Existing | None:
        """What the kernel holds, as far as that is known."""
        return None if self._known is None else Existing.of(self._known.rule_set)

    def reconsider(self) -> None:
        """The next call asks the kernel again about what it refused. Without this, only what has changed is tried."""
        self._quarantine = Quarantine()

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

        Raises:
            NftError: the kernel or libnftables refused.
        """
        digests = self._known.digests if self._known else {}
        self._known = None
        if before is not None:
            try:
                return self._program(wanted, before, digests, start, repairing=repairing)
            except NftError:
                if self._nft.generation().id == self._generation:
                    raise
        # Not known, or somebody else has made it another state than the one that was planned for.
        before = existing(self._nft.list_table())
        return self._program(wanted, before, {}, start, repairing=repairing)

    def _program(
        self,
        desired: RuleSet,
        before: Existing,
        digests: Mapping[str, str],
        start: float,
        *,
        repairing: bool,
    ) -> tuple[int, float]:
        """Run the difference, and read back what was written; again where somebody else commits in between."""
        wanted = place(before, desired, in_place=self._in_place)
        transactions = plan(before, wanted)
        written = rewritten(before, wanted) if any(not item.elements for item in transactions) else []
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
        self._wanted, self._known = desired, Known(wanted, {**kept, **(read or {})})
        return count, seconds

    def _run_all(self, transactions: Iterable[Transaction], *, repairing: bool) -> bool:
        """Returns whether nobody else committed in between."""
        calm = True
        for transaction in transactions:
            calm &= self._run(transaction)
            if transaction.phase is Phase.TRACK and not repairing:
                self._on_tracking()
        return calm

    def _run(self, transaction: Transaction) -> bool:
        before = self._nft.generation()
        self._threads |= {before.thread}  # before anybody can see the commit
        if transaction.elements:
            self._nft.change_elements(transaction.elements)
        else:
            self._nft.run(transaction.text)
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


def _failure(error: NftError) -> EnforceError:
    return EnforceError(f"cannot program nftables: {error}")
