"""The host's own network interfaces: which there are, and which addresses they have.

`LinkWatcher` follows the kernel, `MemoryInterfaces` whatever it is told. Nothing here knows of policy, or changes the
host's links and addresses; `connections` adds entries to conntrack, `WorkloadLinks` routes to workloads.
"""

from catflap.host.api import Interface, Interfaces, InterfaceWatcher
from catflap.host.links import LinkWatcher
from catflap.host.memory import MemoryInterfaces
from catflap.host.workloads import WorkloadLink, WorkloadLinks

__all__ = [
    "Interface",
    "InterfaceWatcher",
    "Interfaces",
    "LinkWatcher",
    "MemoryInterfaces",
    "WorkloadLink",
    "WorkloadLinks",
]
