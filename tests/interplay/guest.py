"""Another product on a lab host: installed from Debian's packages into files that are thrown away afterwards.

They are an overlay over the machine's own root, in memory: what installing the packages has written is kept, and copied
there each time. The product runs in the lab host's network namespace and in mounts of its own, so neither files nor
firewall of this machine change, and it is not started by any service manager.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from catflap.lab.namespaces import Namespace

PACKAGES: Final = (
    *("ufw", "firewalld", "docker.io", "iptables", "ipset", "dbus-daemon"),
    *("libvirt-daemon", "libvirt-clients", "libvirt-daemon-config-network", "dnsmasq-base"),
)
LAYER: Final = Path("/var/tmp/catflap-interplay")  # root's own: it is made with mode 700
ROOT: Final = "/run/catflap-interplay"
TIMEOUT: Final = 60.0  # seconds for one command

_INSTALL: Final = f"""
set -e
mount --make-rprivate /
mkdir -p {ROOT} && mount -t tmpfs none {ROOT} && mkdir {ROOT}/root
mount -t overlay none -o lowerdir=/,upperdir={LAYER}/files,workdir={LAYER}/work {ROOT}/root
cd {ROOT}/root
for each in proc sys dev; do mount --rbind /$each $each; done
mount -t tmpfs none run
printf '#!/bin/sh\\nexit 101\\n' >usr/sbin/policy-rc.d && chmod +x usr/sbin/policy-rc.d
cp -L /etc/resolv.conf etc/resolv.conf 2>/dev/null || true
export DEBIAN_FRONTEND=noninteractive
install="apt-get install -y -qq --no-install-recommends {" ".join(PACKAGES)}"
chroot . $install || {{ chroot . apt-get update -qq && chroot . $install; }}
"""
_ENTER: Final = f"""
set -e
mount --make-rprivate /
mkdir -p {ROOT} && mount -t tmpfs none {ROOT} && cd {ROOT} && mkdir root work
cp -a {LAYER}/files upper
mount -t overlay none -o lowerdir=/,upperdir=upper,workdir=work root
for each in proc sys dev; do mount --rbind /$each root/$each; done
for each in run tmp var/log; do mount -t tmpfs none root/$each; done
mkdir -p root/var/lib/docker && mount -t tmpfs none root/var/lib/docker
echo ready
exec cat
"""


class GuestError(Exception):
    """A command of the product failed."""


def install() -> None:
    """Make the layer with the packages, unless it is there."""
    done = LAYER / "done"
    if done.exists() and done.read_text() == " ".join(PACKAGES):
        return
    shutil.rmtree(LAYER, ignore_errors=True)
    LAYER.mkdir(mode=0o700)
    (LAYER / "files").mkdir()
    (LAYER / "work").mkdir()
    subprocess.run(["unshare", "--mount", "bash", "-c", _INSTALL], check=True, stdout=subprocess.DEVNULL)
    done.write_text(" ".join(PACKAGES))


class Guest:
    """A shell in the files with the packages, in a namespace of the lab."""

    def __init__(self, namespace: Namespace) -> None:
        # Not `ip netns exec`, which hides the cgroups that dockerd looks for.
        command = ("nsenter", f"--net={namespace.path}", "unshare", "--mount", "bash", "-c", _ENTER)
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self._enter = (
            "nsenter",
            "--target",
            str(self._process.pid),
            "--mount",
            "--net",
            "chroot",
            f"{ROOT}/root",
        )

    def __enter__(self) -> Self:
        assert self._process.stdout is not None
        if self._process.stdout.readline() != b"ready\n":
            raise GuestError("the files with the packages cannot be mounted: see above")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.communicate()

    def run(self, script: str) -> str:
        """What a shell script prints.

        Raises:
            GuestError: it failed.
        """
        done = subprocess.run(
            [*self._enter, "bash", "-c", script], capture_output=True, text=True, check=False, timeout=TIMEOUT
        )
        if done.returncode != 0:
            raise GuestError(f"{script}\n{done.stdout}{done.stderr}")
        return done.stdout

    def start(self, script: str) -> subprocess.Popen[bytes]:
        """Start a script that does not end; whoever starts it ends it."""
        return subprocess.Popen(
            [*self._enter, "bash", "-c", script], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
