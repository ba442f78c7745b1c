from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

from catflap.lab import claims

if TYPE_CHECKING:
    from pathlib import Path

CLAIM_AND_WAIT = """
import sys
from pathlib import Path
from catflap.lab.claims import Claim
print(Claim(Path(sys.argv[1])).label, flush=True)
sys.stdin.read()
"""


def is_abandoned(label: str, folder: Path) -> bool:
    with claims.abandoned(label, folder) as answer:
        return answer


def test_two_labs_of_one_process_have_different_labels(tmp_path: Path) -> None:
    one, other = claims.Claim(tmp_path), claims.Claim(tmp_path)
    assert [one.label, other.label] == [f"{os.getpid()}", f"{os.getpid()}.2"]
    assert claims.labels(tmp_path) == {one.label, other.label}
    one.release()
    other.release()


def test_a_claim_is_abandoned_only_once_it_is_released(tmp_path: Path) -> None:
    claim = claims.Claim(tmp_path)
    assert not is_abandoned(claim.label, tmp_path)
    claim.release()
    assert is_abandoned(claim.label, tmp_path)
    assert claims.labels(tmp_path) == set()


def test_killing_the_owner_abandons_its_claim(tmp_path: Path) -> None:
    command = [sys.executable, "-c", CLAIM_AND_WAIT, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout is not None
        label = owner.stdout.readline().strip()
        assert label == str(owner.pid)
        assert not is_abandoned(label, tmp_path)
        owner.kill()
        owner.wait()
        assert is_abandoned(label, tmp_path)


def test_a_label_that_is_just_being_cleared_is_not_claimed(tmp_path: Path) -> None:
    with claims.abandoned(f"{os.getpid()}", tmp_path):
        claim = claims.Claim(tmp_path)
    assert claim.label == f"{os.getpid()}.2"
    claim.release()


def test_a_label_that_nobody_ever_claimed_is_abandoned(tmp_path: Path) -> None:
    assert is_abandoned("1", tmp_path / "never made")
    assert claims.labels(tmp_path / "missing") == set()
