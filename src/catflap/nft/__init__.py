"""From a host policy to the kernel: render nftables text, plan the least transactions, run them.

`Enforcer` does all of it, through an `Nft`: `LibNftables` is the kernel, `MemoryNft` a fake. Rendering and planning are
pure and need neither root nor a kernel. Nothing here may touch a table other than ``inet catflap``.
"""

from catflap.nft.compile import Compiled, Compiler, compile_policy
from catflap.nft.content import CounterValue
from catflap.nft.counters import Counted
from catflap.nft.damage import Damage, DamageKind, Known, Touched, differing
from catflap.nft.enforcer import Enforced, EnforceError, Enforcer, Repaired
from catflap.nft.kernel_content import KernelContent
from catflap.nft.libnftables import LibNftables
from catflap.nft.memory import MemoryNft
from catflap.nft.names import UnsupportedInterface
from catflap.nft.port import Nft, NftContent, NftError
from catflap.nft.quarantine import Refused
from catflap.nft.ruleset import RuleSet
from catflap.nft.style import DEFAULT_STYLE, NO_LOOKUPS, Counting, RuleStyle
from catflap.nft.watcher import CommitWatcher, ForeignChange
from catflap.nft.writer import Writer

__all__ = [
    "DEFAULT_STYLE",
    "NO_LOOKUPS",
    "CommitWatcher",
    "Compiled",
    "Compiler",
    "Counted",
    "CounterValue",
    "Counting",
    "Damage",
    "DamageKind",
    "EnforceError",
    "Enforced",
    "Enforcer",
    "ForeignChange",
    "KernelContent",
    "Known",
    "LibNftables",
    "MemoryNft",
    "Nft",
    "NftContent",
    "NftError",
    "Refused",
    "Repaired",
    "RuleSet",
    "RuleStyle",
    "Touched",
    "UnsupportedInterface",
    "Writer",
    "compile_policy",
    "differing",
]
