"""The host's own network interfaces: which there are, whether they are up, which addresses they have.

`LinkWatcher` follows the kernel, `MemoryInterfaces` whatever it is told. Nothing here changes the host
or knows of policy.
"""

from catflap.host.api import Interface, Interfaces, InterfaceWatcher
from catflap.host.links import LinkWatcher
from catflap.host.memory import MemoryInterfaces

__all__ = ["Interface", "InterfaceWatcher", "Interfaces", "LinkWatcher", "MemoryInterfaces"]
