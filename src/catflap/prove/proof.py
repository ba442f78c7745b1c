"""Proves series of worlds on one host: what the kernel does with packets is what the evaluator says."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from catflap.nft import EnforceError
from catflap.policy import HostPolicy
from catflap.prove.aim import samples
from catflap.prove.compare import Mismatch, answers
from catflap.prove.coverage import Coverage
from catflap.prove.draw import Draw
from catflap.prove.generate import series
from catflap.prove.kernel import KernelHost
from catflap.prove.mutants import Mutant
from catflap.prove.oracle import Follower
from catflap.prove.sample import Sample
from catflap.prove.world import World
from catflap.verdict.evaluate import Evaluator

WORLDS_IN_SERIES: Final = 4
PACKETS_PER_WORLD: Final = 500


class Case(msgspec.Struct, frozen=True):
    """A failure that can be repeated: worlds that follow each other, and packets that go wrong in the last of them.

    Without packets it is the last world itself that fails; ``difference`` says how.
    """

    worlds: tuple[World, ...]
    samples: tuple[Sample, ...]
    difference: str


class SeriesResult(msgspec.Struct, frozen=True):
    """What proving one series gave."""

    seed: str
    coverage: Coverage
    mismatches: int
    case: Case | None


def unchanged(policy: HostPolicy) -> HostPolicy:
    """The policy itself."""
    return policy


def prove_series(
    host: KernelHost, seed: str, *, packets: int = PACKETS_PER_WORLD, mutant: Mutant = unchanged
) -> SeriesResult:
    """Prove one series of worlds, up to the first one that fails.

    Args:
        host: where to enforce it.
        seed: what to draw it from.
        packets: how many to send in each world.
        mutant: what the kernel is given in place of a policy; see `mutants`.
    """
    worlds = series(seed, WORLDS_IN_SERIES)
    draw = Draw(f"{seed}/packets")
    follower = Follower()
    host.start_anew()
    coverage = Coverage()
    for count, world in enumerate(worlds, start=1):
        so_far = tuple(worlds[:count])
        try:
            policy = _enforce(host, follower, world, mutant)
        except _RefusedError as refused:
            return SeriesResult(seed, coverage, 1, Case(so_far, (), str(refused)))
        found = _prove_world(host, policy, samples(draw, policy, packets), coverage)
        coverage.invalid_documents += sum(map(bool, follower.problems.values()))
        if found:
            case = Case(so_far, (found[0].sample,), found[0].difference)
            return SeriesResult(seed, coverage, len(found), case)
    return SeriesResult(seed, coverage, 0, None)


class _RefusedError(Exception):
    """A world cannot be enforced, or not as a new start would."""


def _enforce(host: KernelHost, follower: Follower, world: World, mutant: Mutant) -> HostPolicy:
    """Go on to the next world."""
    policy = follower.follow(world)
    if policy != Follower().follow(world):
        raise _RefusedError("the engine: following the changes gives another policy than a new start")
    if world.restart:
        host.restart()
    try:
        host.enforce(mutant(policy), world.style)
    except EnforceError as error:
        raise _RefusedError(f"the kernel: {error}") from error
    return policy


def _prove_world(
    host: KernelHost, policy: HostPolicy, sent: Sequence[Sample], coverage: Coverage
) -> list[Mismatch]:
    evaluator = Evaluator(policy)
    mismatches = []
    for sample, fate in zip(sent, host.fates(sent), strict=True):
        for answer in answers(evaluator, sample, fate):
            coverage.note(policy, answer)
            if answer.difference:
                mismatches.append(Mismatch(sample, fate, answer.question, answer.verdict, answer.difference))
    coverage.worlds += 1
    return mismatches


def repeat(host: KernelHost, case: Case) -> tuple[Mismatch, ...] | str:
    """Do a case again on a clean host: the mismatches in its last world, or why a world is refused."""
    host.start_anew()
    follower = Follower()
    try:
        policies = [_enforce(host, follower, world, unchanged) for world in case.worlds]
    except _RefusedError as refused:
        return str(refused)
    return tuple(_prove_world(host, policies[-1], case.samples, Coverage()))
