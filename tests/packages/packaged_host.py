"""A policed host on which Catflap is installed as users install it, under a flood of allowed and of denied packets."""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from catflap.lab.flood import Count, Flood, Flow
from catflap.lab.namespaces import Lab
from catflap.lab.topology import HOST_PUBLIC, WEB, GuideNetwork

from .root import Root

OPEN, SHUT = 9001, 9002
NOTIFY = "catflap-test-notify"
UNIT = "systemd/system/catflap.service"
POLICY = f"""
apiVersion: projectcalico.org/v3
kind: HostEndpoint
metadata:
  name: public
  labels: {{role: public}}
spec:
  node: packaged
  interfaceName: eth1
---
apiVersion: projectcalico.org/v3
kind: GlobalNetworkPolicy
metadata:
  name: web
spec:
  selector: role == 'public'
  types: [Ingress]
  ingress:
    - action: Allow
      protocol: UDP
      source: {{nets: [{WEB.v4}/32]}}
      destination: {{ports: [{OPEN}]}}
"""
CONFIGURATION = """
[global]
FelixHostname = packaged
DatastoreType = directory
"""


class PackagedHost:
    """The host of the guide's network, and a root in which packages are installed.

    Args:
        lab: where the network is.
        root: see `Root`; its network is that of ``network.host``.
    """

    def __init__(self, network: GuideNetwork, root: Root) -> None:
        self.network = network
        self.root = root
        self._agent: subprocess.Popen[bytes] | None = None
        self._heard = network.host.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._heard.bind(f"\0{NOTIFY}")

    def configure(self) -> None:
        """Write policy and configuration as an administrator does."""
        self.root.run(f"mkdir -p /etc/catflap/policy && cat >/etc/catflap/policy/all.yaml <<'E'\n{POLICY}\nE")
        self.root.run(f"cat >/etc/calico/felix.cfg <<'E'\n{CONFIGURATION}\nE")
        self.root.run("catflap init --store dir:/etc/catflap/policy")

    def start(self, unit: str) -> None:
        """Start the agent under what its unit allows, and wait until it says that it is ready."""
        while self._receive(timeout=0):
            pass  # of the agent before
        notify = (f"NOTIFY_SOCKET=@{NOTIFY}", "WATCHDOG_USEC=1500000")
        # Mounts are its own, so that what it may not write others may.
        command = ("unshare", "--mount", "/usr/bin/python3.11", "/tmp/harness/confine.py", unit)
        self._agent = subprocess.Popen([*self.root.prefix, *notify, *command])
        self.hear("READY=1")

    def hear(self, line: str) -> None:
        """Wait until the agent tells the service manager something."""
        heard = []
        while line not in (lines := self._receive(timeout=20)):
            heard += lines
            if not lines:
                raise AssertionError(f"not {line!r} but {heard}\n{self.log()}")

    def stop(self) -> None:
        """End the agent as systemd does."""
        assert self._agent is not None
        self._agent.terminate()
        assert self._agent.wait(20) == 0

    def close(self) -> None:
        """End what runs, whatever has failed."""
        if self._agent is not None and self._agent.poll() is None:
            self._agent.kill()
            self._agent.wait()
        self._heard.close()

    def log(self) -> str:
        """All that is in the log file."""
        return self.root.run("cat /var/log/calico/felix.log 2>/dev/null || true")

    def pid(self) -> int:
        """The process id of the agent."""
        assert self._agent is not None
        return self._agent.pid

    @contextmanager
    def flooded(self) -> Iterator[Flood]:
        """Many packets a second while the context is entered, allowed ones and denied ones."""
        (mac,) = self.network.host.run("cat", "/sys/class/net/eth1/address").split()
        for sender in (self.network.web, self.network.stranger):
            sender.ip(f"neighbour replace {HOST_PUBLIC.v4} lladdr {mac} dev eth0 nud permanent")
        flows = [
            Flow(self.network.web, HOST_PUBLIC.v4, OPEN),
            Flow(self.network.stranger, HOST_PUBLIC.v4, SHUT),
        ]
        with Flood(self.network.host, flows, rate=5_000) as flood:
            wait_for_packets(flood)
            yield flood
            wait_for_packets(flood)

    def _receive(self, timeout: float) -> list[str]:
        self._heard.settimeout(timeout)
        try:
            return self._heard.recv(4096).decode().split("\n")
        except (TimeoutError, BlockingIOError):
            return []


def wait_for_packets(flood: Flood, more: int = 500) -> tuple[Count, ...]:
    """Until that many more of each flow have arrived."""
    wanted = [count.arrived + more for count in flood.now()]
    for _ in range(1000):
        counts = flood.now()
        if all(count.arrived >= least for count, least in zip(counts, wanted, strict=True)):
            return counts
        time.sleep(0.01)
    raise AssertionError(f"the packets do not arrive: {flood.now()}")


@contextmanager
def packaged_host(lab: Lab, built: Path) -> Iterator[PackagedHost]:
    """A host with nothing installed yet."""
    network = GuideNetwork.build(lab)
    with Root(network.host, built) as root:
        host = PackagedHost(network, root)
        try:
            yield host
        finally:
            host.close()
