"""A root directory to install into: this machine's own, and what is written there is thrown away."""

from __future__ import annotations

import subprocess
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from catflap.lab.namespaces import Namespace

ROOT: Final = "/run/catflap-packages"
TIMEOUT: Final = 60.0  # seconds for one command
_HERE: Final = Path(__file__).resolve().parent

_ENTER: Final = f"""
set -e
mount --make-rprivate /
mkdir -p {ROOT} && mount -t tmpfs none {ROOT} && cd {ROOT} && mkdir root work upper
mount -t overlay none -o lowerdir=/,upperdir=upper,workdir=work root
mount -t proc none root/proc
mount --rbind /dev root/dev
mount -t sysfs none root/sys
for each in run tmp var/log; do mount -t tmpfs none root/$each; done
rm -rf root/usr/lib/catflap root/usr/local/lib/catflap root/var/lib/catflap root/etc/calico root/etc/catflap
mkdir -p root/run/systemd/system root/tmp/built root/tmp/harness
mount --bind "$1" root/tmp/built
mount --bind "$2" root/tmp/harness
for each in systemctl deb-systemd-invoke; do
    for directory in usr/local/sbin usr/bin; do  # rpm's scripts do not look into the first one
        rm -f root/$directory/$each
        printf '#!/bin/sh\\necho "$*" >>/tmp/systemctl.log\\n' >root/$directory/$each
        chmod +x root/$directory/$each
    done
done
echo ready
exec cat
"""


class RootError(Exception):
    """A command failed."""


class Root:
    """A shell in that root, in a namespace of the lab. systemd does not run there: what it is told is written down.

    Args:
        namespace: where its network is.
        built: a directory that is seen there as ``/tmp/built``.
    """

    def __init__(self, namespace: Namespace, built: Path) -> None:
        command = ("unshare", "--mount", "bash", "-c", _ENTER, "root", str(built), str(_HERE))
        self._process = subprocess.Popen(
            ["nsenter", f"--net={namespace.path}", *command], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        target = ("--target", str(self._process.pid), "--mount", "--net")
        # Not this process's environment: its Python must not be found there.
        clean = (
            "env",
            "-i",
            "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "LC_ALL=C.UTF-8",
        )
        self.prefix = ("nsenter", *target, "chroot", f"{ROOT}/root", *clean)

    def __enter__(self) -> Self:
        assert self._process.stdout is not None
        if self._process.stdout.readline() != b"ready\n":
            raise RootError("the root cannot be mounted: see above")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.communicate()

    def run(self, script: str) -> str:
        """What a shell script prints, on both of its outputs.

        Raises:
            RootError: it failed.
        """
        command = [*self.prefix, "sh", "-ec", script]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=TIMEOUT)
        if done.returncode:
            raise RootError(f"{script}\n{done.stdout}{done.stderr}")
        return done.stdout + done.stderr

    def told_systemd(self) -> list[str]:
        """What systemd was told since this was asked last."""
        return self.run(
            "touch /tmp/systemctl.log; cat /tmp/systemctl.log; rm /tmp/systemctl.log"
        ).splitlines()
