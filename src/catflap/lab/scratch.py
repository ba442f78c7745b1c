"""Temporary files of a lab, kept where the next lab finds and removes them when their owner was killed outright.

Every owner has a claim (see `claims`), so files of a lab that is still alive are never touched.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Final

from catflap.lab import claims

# Below /run: writable by root only, so that nobody else can put a link where a lab is going to write.
SCRATCH: Final = Path("/run/catflap-lab-files")
_CLAIMS: Final = ".claims"


class Scratch:
    """A new directory that is removed with everything in it when its context is left. Entering it sweeps first.

    Raises:
        OSError: on entering: ``root`` cannot be written.
    """

    def __init__(self, root: Path = SCRATCH) -> None:
        self._root = root

    def __enter__(self) -> Path:
        sweep(self._root)
        self._claim = claims.Claim(self._root / _CLAIMS)
        self._directory = self._root / self._claim.label
        self._directory.mkdir(mode=0o700)
        return self._directory

    def __exit__(self, *_: object) -> None:
        shutil.rmtree(self._directory)
        self._claim.release()


def sweep(root: Path = SCRATCH) -> list[str]:
    """Remove the directories whose owners are gone.

    Returns:
        The directories removed.
    """
    removed: list[str] = []
    for label in sorted(claims.labels(root / _CLAIMS)):
        with claims.abandoned(label, root / _CLAIMS) as is_abandoned:
            if is_abandoned and (root / label).exists():
                shutil.rmtree(root / label)
                removed.append(str(root / label))
    return removed
