"""The host's own network interfaces: which there are, and which addresses they have.

`LinkWatcher` follows the kernel, `MemoryInterfaces` whatever it is told. Nothing here knows of policy, or changes the
host's links and addresses; `connections` adds entries to conntrack.
"""

from catflap.host.api import Interface, Interfaces, InterfaceWatcher
from catflap.host.links import LinkWatcher
from catflap.host.memory import MemoryInterfaces

__all__ = ["Interface", "InterfaceWatcher", "Interfaces", "LinkWatcher", "MemoryInterfaces"]
