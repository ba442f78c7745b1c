"""Sets up the workload interfaces of this host as policy is enforced and links come and go.

It works in a thread of its own, beside enforcement: policy blocks what it does not know, so neither has to wait for the
other. A failure is reported, tried again, and stops nothing.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final, Protocol

from catflap.host import Interfaces, WorkloadLink
from catflap.policy import HostPolicy

log = logging.getLogger(__name__)

RETRY: Final = 5.0  # seconds
FORWARDING: Final = Path("/proc/sys/net/ipv4/ip_forward")


class Links(Protocol):
    """What sets interfaces up: `host.WorkloadLinks`, or a fake."""

    def reconcile(self, wanted: Mapping[str, WorkloadLink | None], interfaces: Interfaces) -> list[str]:
        """Bring interfaces to what is wanted; returns what went wrong."""


class WorkloadSetup:
    """Keeps routes and proxies of workload interfaces as the newest policy and the newest links want them."""

    def __init__(self, links: Links) -> None:
        self._links = links
        self._policy = HostPolicy()
        self._interfaces: Interfaces = {}
        self._changed = asyncio.Event()
        self._reported: list[str] = []
        self._warned = False
        self.settled = asyncio.Event()  # everything that is known has been tried

    def set_policy(self, policy: HostPolicy) -> None:
        """Take the workloads of a policy that is in force."""
        if (policy.workloads, policy.workload_prefixes) != (
            self._policy.workloads,
            self._policy.workload_prefixes,
        ):
            self._request()
        self._policy = policy

    def set_interfaces(self, interfaces: Interfaces) -> None:
        """Take the links as they are now."""
        self._interfaces = interfaces
        self._request()

    def _request(self) -> None:
        self.settled.clear()
        self._changed.set()

    async def run(self) -> None:
        """Work until cancelled."""
        with ThreadPoolExecutor(1, thread_name_prefix="workloads") as thread:
            while True:
                await self._changed.wait()
                self._changed.clear()
                wanted = self.wanted()
                if wanted:
                    await self._reconcile(wanted, thread)
                if not self._changed.is_set():
                    self.settled.set()

    def wanted(self) -> dict[str, WorkloadLink | None]:
        """What each workload interface needs; those that no workload has must lead nowhere."""
        wanted: dict[str, WorkloadLink | None] = {
            name: None for name in self._interfaces if name.startswith(self._policy.workload_prefixes)
        }
        for item in self._policy.workloads:
            wanted[item.interface] = WorkloadLink(item.addresses, item.mac, item.gateway6)
        return wanted

    async def _reconcile(self, wanted: Mapping[str, WorkloadLink | None], thread: ThreadPoolExecutor) -> None:
        loop = asyncio.get_running_loop()
        try:
            self._warn_of_missing_forwarding()
            problems = await loop.run_in_executor(thread, self._links.reconcile, wanted, self._interfaces)
        except Exception:  # a fault of ours must not end the agent
            log.exception("Internal error while setting up workload interfaces")
            problems = ["internal error"]
        for problem in problems:
            if problem not in self._reported:
                log.warning("%s", problem)
        self._reported = problems
        if problems:
            loop.call_later(RETRY, self._changed.set)

    def _warn_of_missing_forwarding(self) -> None:
        """The setting of the whole host is not ours to change."""
        if self._policy.workloads and not self._warned:
            self._warned = True
            if FORWARDING.read_text(encoding="ascii").strip() == "0":
                log.warning(
                    "This host has workloads, but does not forward IPv4 packets: set net.ipv4.ip_forward to 1"
                )
