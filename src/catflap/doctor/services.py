"""What is started at boot and flushes everybody's rule sets, ours included, or brings back an old agent.

A flush takes our table away until the agent has repaired it. Only what is enabled is told of.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from typing import Final

from catflap.doctor.finding import Finding, Level
from catflap.doctor.port import Host

_UNIT_DIRECTORIES: Final = ("/etc/systemd/system", "/usr/lib/systemd/system", "/lib/systemd/system")
_ENABLED_IN: Final = _UNIT_DIRECTORIES[0]
NFTABLES_FILES: Final = ("/etc/nftables.conf", "/etc/sysconfig/nftables.conf")
_FLUSH: Final = re.compile(r"^(?!\s*#).*\bflush\s+ruleset\b", re.MULTILINE)
_INCLUDE: Final = re.compile(r'^\s*include\s+"([^"]+)"', re.MULTILINE)
_TABLE: Final = re.compile(r"^\s*(?:add\s+|create\s+)?table\s+(?:(\w+)\s+)?([\w./-]+)", re.MULTILINE)
_FAMILIES: Final = frozenset({"ip", "ip6", "inet", "arp", "bridge", "netdev"})
_MAX_INCLUDES: Final = 100
_OLD_UNITS: Final = ("calico-felix.service", "calico-node.service")


def service_findings(host: Host) -> Iterator[Finding]:
    """What is the matter with services that are enabled."""
    enabled = _enabled(host)
    if "nftables.service" in enabled:
        yield from _flushes(host)
    for unit in _OLD_UNITS:
        if unit in enabled:
            yield Finding(
                Level.PROBLEM,
                "leftover",
                unit,
                "is enabled: Calico's agent comes back with the next boot, and polices beside Catflap",
                f"systemctl disable --now {unit}",
            )


def configured_tables(host: Host) -> Mapping[tuple[str, str], str]:
    """The tables that nftables.service makes, by family and name, with the file that defines each."""
    return {
        (family if family in _FAMILIES else "ip", name): path
        for path, text in _nftables_files(host).items()
        for family, name in _TABLE.findall(text)
    }


def _flushes(host: Host) -> Iterator[Finding]:
    for path, text in _nftables_files(host).items():
        if _FLUSH.search(text):
            yield Finding(
                Level.PROBLEM,
                "flush",
                path,
                "has 'flush ruleset', and nftables.service is enabled: every reload takes all tables away, that of "
                "Catflap too, and the host is open until the agent has put it back",
                "replace that line by two for each table of this file: table FAMILY NAME, and delete table FAMILY NAME",
            )
    for directory in _UNIT_DIRECTORIES:
        unit = host.read(f"{directory}/nftables.service")
        if unit is None:
            continue
        drop_ins = f"{_ENABLED_IN}/nftables.service.d"
        overridden = any(
            re.search(r"^ExecStop=", host.read(f"{drop_ins}/{name}") or "", re.MULTILINE)
            for name in host.names(drop_ins)
        )
        if _FLUSH.search(unit) and not overridden:
            yield Finding(
                Level.WARNING,
                "flush",
                "nftables.service",
                "runs 'nft flush ruleset' when it is stopped or restarted, which takes away the table of Catflap, too",
                "systemctl edit nftables.service, with the lines [Service] and ExecStop= (empty), or never restart it",
            )
        return


def _enabled(host: Host) -> set[str]:
    wanted = [each for each in host.names(_ENABLED_IN) if each.endswith((".wants", ".requires"))]
    return {unit for each in wanted for unit in host.names(f"{_ENABLED_IN}/{each}")}


def _nftables_files(host: Host) -> dict[str, str]:
    """The files that nftables.service loads, with those that they include."""
    found: dict[str, str] = {}
    left = list(NFTABLES_FILES)
    while left and len(found) < _MAX_INCLUDES:
        path = left.pop(0)
        text = None if path in found else host.read(path)
        if text is not None:
            found[path] = text
            left += [each for name in _INCLUDE.findall(text) for each in _matching(host, name)]
    return found


def _matching(host: Host, pattern: str) -> list[str]:
    """The files that an include means: relative ones lie in /etc, and the name may have wildcards."""
    path = PurePosixPath("/etc") / pattern
    return [
        str(path.parent / name)
        for name in host.names(str(path.parent))
        if PurePosixPath(name).match(path.name)
    ]
