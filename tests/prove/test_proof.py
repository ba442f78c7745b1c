from __future__ import annotations

from typing import Any

import pytest

from catflap.nft import EnforceError
from catflap.policy import HostPolicy
from catflap.prove.oracle import Follower
from catflap.prove.proof import WORLDS_IN_SERIES, prove_series, repeat


def test_a_host_that_lets_everything_through_fails_with_the_worlds_up_to_then(open_host: Any) -> None:
    result = prove_series(open_host, "test/1", packets=200)
    assert result.case is not None
    assert "kernel: accept; evaluator: drop" in result.case.difference
    assert len(result.case.worlds) == len(open_host.policies) == result.coverage.worlds
    assert result.mismatches > 0
    assert open_host.starts == 1


def test_a_series_without_packets_is_enforced_to_its_end(open_host: Any) -> None:
    result = prove_series(open_host, "test/1", packets=0)
    assert result.case is None
    assert result.coverage.worlds == WORLDS_IN_SERIES


def test_a_case_can_be_repeated(open_host: Any) -> None:
    case = prove_series(open_host, "test/1", packets=200).case
    assert case is not None
    found = repeat(open_host, case)
    assert not isinstance(found, str)
    assert found[0].sample == case.samples[0]


def test_a_mutant_is_what_the_kernel_gets(open_host: Any) -> None:
    prove_series(open_host, "test/1", packets=0, mutant=lambda _: HostPolicy())
    assert set(map(repr, open_host.policies)) == {repr(HostPolicy())}


def test_a_policy_that_the_kernel_refuses_is_a_case_without_packets(open_host: Any) -> None:
    def refuse(_: HostPolicy, __: object) -> None:
        raise EnforceError("no")

    open_host.enforce = refuse
    case = prove_series(open_host, "test/1").case
    assert case is not None
    assert (case.samples, case.difference) == ((), "the kernel: no")
    assert repeat(open_host, case) == "the kernel: no"


def test_an_engine_that_loses_its_way_is_found(open_host: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """It forgets to take deleted objects away, which only shows when worlds follow each other."""
    apply = Follower._apply

    def keep(self: Follower, path: str, raw: bytes | None) -> None:
        if raw is not None:
            apply(self, path, raw)

    monkeypatch.setattr(Follower, "_apply", keep)
    cases = [prove_series(open_host, f"test/{number}", packets=0).case for number in range(5)]
    found = [case for case in cases if case]
    assert "a new start" in found[0].difference
    assert len(found[0].worlds) > 1


def test_some_worlds_begin_with_a_new_agent(open_host: Any) -> None:
    for number in range(8):
        prove_series(open_host, f"test/{number}", packets=0)
    assert 0 < open_host.restarts < 24
