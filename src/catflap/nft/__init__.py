"""From a `HostPolicy` to the kernel: compile it to a rule set, plan the least transactions, run them.

Compiling and planning are pure; `LibNftables` is the only way to the kernel. Only our own table is ever touched.
"""

from catflap.nft.enforcer import Enforced, EnforceError, Enforcer
from catflap.nft.libnftables import LibNftables
from catflap.nft.memory import MemoryNft
from catflap.nft.port import Nft, NftError

__all__ = ["EnforceError", "Enforced", "Enforcer", "LibNftables", "MemoryNft", "Nft", "NftError"]
