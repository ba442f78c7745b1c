"""What Catflap needs of kernel and tools: each is tried in a network namespace of its own, which leaves no trace."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final

from catflap.doctor.finding import Finding, Level
from catflap.doctor.port import Host, ProgramError

APART: Final = ("unshare", "--net", "--")  # in a network namespace of its own
TRY: Final = (*APART, "nft", "-f", "-")
OLDEST_NFT: Final = (1, 0, 6)  # what the tests run with

_VERSION: Final = re.compile(r"nftables v(\d+)\.(\d+)\.(\d+)")
_CHECK: Final = "kernel"

# By what needs it: a rule set that has it and nothing else.
FEATURES: Final[Mapping[str, str]] = {
    "nf_tables with tables of family inet": "",
    "connection tracking (nft_ct, nf_conntrack)": "add rule inet t c ct state established,related accept",
    "maps of interface names to verdicts": (
        "add map inet t m { type ifname : verdict; }\nadd rule inet t c iifname vmap @m"
    ),
    "sets of networks (rbtree)": "add set inet t s { type ipv4_addr; flags interval; elements = { 192.0.2.0/24 }; }",
    "sets of several fields with ranges (pipapo)": (
        "add set inet t s { type ipv4_addr . inet_proto . inet_service; flags interval;"
        " elements = { 192.0.2.0/24 . tcp . 80-90 }; }"
    ),
    "reject (nft_reject_inet), for the action Reject": "add rule inet t c reject with icmpx admin-prohibited",
    "log (nft_log), for the action Log": 'add rule inet t c log prefix "calico-packet: "',
    "notrack, for doNotTrack policy": "add rule inet t c notrack",
    "comments of rules": 'add rule inet t c accept comment "about"',
}
_BASE: Final = "add table inet t\nadd chain inet t c {{ type filter hook {hook} priority -5; }}\n"


def kernel_findings(host: Host) -> Iterator[Finding]:
    """What is missing for Catflap to work."""
    if failure := host.library_failure():
        yield Finding(
            Level.PROBLEM,
            _CHECK,
            "libnftables",
            failure,
            "install libnftables1 and load the kernel's nf_tables",
        )
    yield from _version(host)
    yield from _features(host)


def _version(host: Host) -> Iterator[Finding]:
    try:
        said = host.run("nft", "--version")
    except ProgramError:  # whoever lists tables tells of it
        return
    match = _VERSION.search(said)
    version = tuple(map(int, match.groups())) if match else OLDEST_NFT
    if version < OLDEST_NFT:
        yield Finding(
            Level.WARNING,
            _CHECK,
            f"nft {'.'.join(map(str, version))}",
            f"is older than {'.'.join(map(str, OLDEST_NFT))}, the oldest that Catflap is tested with",
            "install a newer version of nftables and libnftables1",
        )


def _features(host: Host) -> Iterator[Finding]:
    try:
        host.run(*APART, "true")
    except ProgramError as error:  # as in containers
        yield Finding(Level.NOTE, "not-looked-at", "kernel features", f"were not tried: {error}")
        return
    try:
        host.run(*TRY, stdin="\n".join(f"{_text(name)}\ndelete table inet t" for name in FEATURES))
    except ProgramError:
        yield from _one_by_one(host)


def _one_by_one(host: Host) -> Iterator[Finding]:
    for name in FEATURES:
        try:
            host.run(*TRY, stdin=_text(name))
        except ProgramError as error:
            reason = str(error).partition("Error: ")[2] or str(error)
            yield Finding(
                Level.PROBLEM,
                _CHECK,
                name,
                f"is refused: {reason}",
                "load the module, or use a kernel that has it; uname -r tells which one runs",
            )


def _text(name: str) -> str:
    return _BASE.format(hook="prerouting" if "notrack" in name else "input") + FEATURES[name]
