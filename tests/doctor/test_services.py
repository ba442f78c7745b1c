from __future__ import annotations

import pytest

from catflap.doctor import Level, MemoryHost
from catflap.doctor.services import configured_tables, service_findings

ENABLED = {"/etc/systemd/system/sysinit.target.wants/nftables.service": ""}
UNIT = {
    "/lib/systemd/system/nftables.service": "[Service]\nExecStart=/usr/sbin/nft -f /etc/nftables.conf\n"
    "ExecStop=/usr/sbin/nft flush ruleset\n"
}
FLUSHES = {"/etc/nftables.conf": "#!/usr/sbin/nft -f\n\nflush ruleset\n\ntable inet filter {\n}\n"}


def test_a_file_that_flushes_everything() -> None:
    (finding,) = service_findings(MemoryHost(files={**ENABLED, **FLUSHES}))
    assert (finding.level, finding.check, finding.object) == (Level.PROBLEM, "flush", "/etc/nftables.conf")


def test_a_unit_that_flushes_when_it_stops() -> None:
    (finding,) = service_findings(MemoryHost(files={**ENABLED, **UNIT}))
    assert (finding.level, finding.object) == (Level.WARNING, "nftables.service")


def test_a_unit_that_was_told_not_to() -> None:
    override = {"/etc/systemd/system/nftables.service.d/override.conf": "[Service]\nExecStop=\n"}
    assert list(service_findings(MemoryHost(files={**ENABLED, **UNIT, **override}))) == []


def test_what_is_not_enabled_is_not_told_of() -> None:
    assert list(service_findings(MemoryHost(files={**UNIT, **FLUSHES}))) == []


@pytest.mark.parametrize("text", ["# flush ruleset\n", "table inet filter\ndelete table inet filter\n", ""])
def test_files_that_flush_nothing_of_ours(text: str) -> None:
    assert list(service_findings(MemoryHost(files={**ENABLED, "/etc/nftables.conf": text}))) == []


def test_files_that_are_included() -> None:
    files = {
        **ENABLED,
        "/etc/nftables.conf": 'include "/etc/nftables.d/*.nft"\ninclude "/etc/nftables.conf"\n',
        "/etc/nftables.d/a.nft": "flush ruleset\n",
        "/etc/nftables.d/b.txt": "flush ruleset\n",
    }
    assert [each.object for each in service_findings(MemoryHost(files=files))] == ["/etc/nftables.d/a.nft"]


def test_an_old_agent_that_comes_back() -> None:
    files = {"/etc/systemd/system/multi-user.target.wants/calico-felix.service": ""}
    (finding,) = service_findings(MemoryHost(files=files))
    assert (finding.check, finding.object) == ("leftover", "calico-felix.service")
    assert finding.remedy == "systemctl disable --now calico-felix.service"


def test_tables_that_are_made_at_boot() -> None:
    text = "table inet filter {\n}\nadd table ip nat\n  table mine {\n}\n# table ip not\n"
    configured = configured_tables(MemoryHost(files={"/etc/nftables.conf": text}))
    assert configured == dict.fromkeys(
        [("inet", "filter"), ("ip", "nat"), ("ip", "mine")], "/etc/nftables.conf"
    )
