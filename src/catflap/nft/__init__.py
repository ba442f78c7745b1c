"""From a host policy to the kernel: render nftables text, plan the least transactions, run them.

`Enforcer` does all of it, through an `Nft`: `LibNftables` is the kernel, `MemoryNft` a fake. Rendering and planning are
pure and need neither root nor a kernel. Nothing here may touch a table other than ``inet catflap``.
"""

from catflap.nft.compile import Compiled, Compiler, compile_policy
from catflap.nft.enforcer import Enforced, EnforceError, Enforcer
from catflap.nft.libnftables import LibNftables
from catflap.nft.memory import MemoryNft
from catflap.nft.names import UnsupportedInterface
from catflap.nft.port import Nft, NftError
from catflap.nft.quarantine import Refused
from catflap.nft.ruleset import RuleSet

__all__ = [
    "Compiled",
    "Compiler",
    "EnforceError",
    "Enforced",
    "Enforcer",
    "LibNftables",
    "MemoryNft",
    "Nft",
    "NftError",
    "Refused",
    "RuleSet",
    "UnsupportedInterface",
    "compile_policy",
]
