from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from catflap.lab.sabotage import killed_before, other_version

COMMIT = """
from catflap.nft.libnftables import LibNftables
nft = object.__new__(LibNftables)
for number in range(1, 4):
    try:
        nft.run("x")
    except AttributeError:  # this one has no context
        print(number, flush=True)
"""
CHAIN = 'from catflap.nft.stages import INGRESS; print(INGRESS.chain_name("eth0"))'


def run(program: str, environment: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=False
    )


def test_it_is_killed_before_the_transaction(tmp_path: Path) -> None:
    done = run(COMMIT, killed_before(tmp_path, 3))
    assert (done.returncode, done.stdout, done.stderr) == (-signal.SIGKILL, "1\n2\n", "")
    assert run(COMMIT, killed_before(tmp_path, 4)).stdout == "1\n2\n3\n"


def test_another_version_has_other_chains(tmp_path: Path) -> None:
    assert run(CHAIN, {}).stdout == "in-eth0\n"
    assert run(CHAIN, other_version(tmp_path)).stdout == "other-in-eth0\n"
