from __future__ import annotations

import pytest

from catflap.policy import HostPolicy
from catflap.prove.generate import series
from catflap.prove.mutants import MUTANTS
from catflap.prove.oracle import Follower


@pytest.fixture(scope="module")
def policies() -> list[HostPolicy]:
    return [Follower().follow(world) for number in range(40) for world in series(f"mutants/{number}", 1)]


@pytest.mark.parametrize("name", MUTANTS)
def test_every_mutant_changes_some_policy(name: str, policies: list[HostPolicy]) -> None:
    assert any(MUTANTS[name](policy) != policy for policy in policies)
