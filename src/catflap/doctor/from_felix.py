"""Everything that changes on a host where Catflap takes over from Calico's old agent, and the steps to take.

It looks and tells, and changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

import msgspec

from catflap.agent.config import Source
from catflap.doctor.examine import Diagnosis
from catflap.doctor.felix_configuration import source_findings
from catflap.doctor.felix_store import store_findings
from catflap.doctor.finding import Finding, Level, sorted_by_level
from catflap.doctor.port import Host

_FORWARDING: Final = ("/proc/sys/net/ipv4/ip_forward", "/proc/sys/net/ipv6/conf/all/forwarding")
STEPS: Final = (
    "Put right what is called a problem above, and look at every warning.",
    "Start Catflap beside the old agent: catflap agent. Packets have to pass both: nothing opens.",
    "See that it enforces what it should: catflap doctor, catflap explain --live.",
    "Stop and disable the old agent. Its rules stay in the kernel, and still decide.",
    "Take them away: catflap doctor --remove-leftovers. From then on Catflap alone decides.",
)


def from_felix(
    host: Host,
    diagnosis: Diagnosis,
    sources: tuple[Source, ...],
    entries: Mapping[str, bytes],
    unread: str = "",
) -> Diagnosis:
    """A diagnosis with what differs between the agents.

    Args:
        host: the host.
        diagnosis: what was found on it otherwise.
        sources: the environment and the configuration file.
        entries: what the store holds.
        unread: why the store could not be read; empty where it was.
    """
    found = [*diagnosis.findings, *source_findings(sources), *_forwarding(host)]
    found += [_unread(unread)] if unread else store_findings(entries)
    return msgspec.structs.replace(diagnosis, findings=tuple(sorted_by_level(found)))


def _forwarding(host: Host) -> Iterator[Finding]:
    if any((host.read(path) or "").strip() == "1" for path in _FORWARDING):
        yield Finding(
            Level.WARNING,
            "felix-host",
            "forwarding",
            "is on: the old agent (from 1.4.7 on) applies policy of host endpoints to forwarded packets, too, "
            "Catflap only policy that says so",
            "set apply_on_forward in policies that shall govern them",
        )


def _unread(reason: str) -> Finding:
    remedy = "name the store with --store, for example etcd2://localhost:2379"
    return Finding(Level.WARNING, "not-looked-at", "store", f"could not be read: {reason}", remedy)
