from __future__ import annotations

import msgspec

from catflap.doctor import Level, MemoryHost, Process, ProgramError, examine, foreign_chains

from .recorded import LIST, UFW_CHAINS, chain, host


def test_nothing_is_the_matter() -> None:
    diagnosis = examine(host())
    assert diagnosis.findings == ()
    assert diagnosis.kernel_read
    assert [(each.title, each.owner) for each in diagnosis.chains] == [("inet catflap input", "Catflap")]


def test_everything_at_once_problems_first() -> None:
    diagnosis = examine(
        host(
            *UFW_CHAINS,
            chain("ip", "calico", "filter-INPUT", "input"),
            programs={
                f"{LIST} ip calico": "table ip calico {\n\tchain filter-INPUT {\n\t\tdrop\n\t}\n}\n",
                "ipset list -name": "felix-v4-x\n",
                "iptables-nft-save": ProgramError("iptables-nft-save: Segmentation fault"),
            },
            files={"/etc/calico/felix.cfg": "[global]\n"},
            running=(),
        )
    )
    assert [(each.level, each.check, each.object) for each in diagnosis.findings] == [
        (Level.PROBLEM, "foreign-chain", "ip filter INPUT"),
        (Level.PROBLEM, "foreign-chain", "ip calico filter-INPUT"),
        (Level.PROBLEM, "leftover", "ip calico"),
        (Level.WARNING, "own-table", "inet catflap"),
        (Level.WARNING, "leftover", "ipset"),
        (Level.WARNING, "not-looked-at", "iptables-nft-save"),
        (Level.NOTE, "leftover", "/etc/calico/felix.cfg"),
    ]
    assert (diagnosis.count(Level.PROBLEM), diagnosis.count(Level.NOTE)) == (3, 1)
    assert [each.title for each in diagnosis.chains] == [
        "inet catflap input",
        "ip filter INPUT",
        "ip calico filter-INPUT",
    ]


def test_the_old_kind_of_iptables() -> None:
    saved = "*filter\n:INPUT DROP [0:0]\n:FORWARD ACCEPT [0:0]\n-A INPUT -j felix-INPUT\nCOMMIT\n"
    diagnosis = examine(
        host(programs={"iptables-legacy-save": saved}, files={"/proc/net/ip_tables_names": "filter\n"})
    )
    (finding,) = diagnosis.findings
    assert (finding.object, finding.level) == ("ip filter INPUT (legacy)", Level.PROBLEM)
    assert "iptables-legacy -I INPUT" in finding.remedy
    assert [each.order for each in diagnosis.chains] == ["", "after", "alone"]


def test_a_kernel_that_cannot_be_read() -> None:
    refusal = ProgramError("nft: Operation not permitted (you must be root)")
    calico = Process(9, ("calico-node", "-felix"))
    diagnosis = examine(MemoryHost({"nft --json list chains": refusal}, running=[calico]))
    assert not diagnosis.kernel_read
    assert [each.check for each in diagnosis.findings] == ["agents", "not-looked-at"]
    assert "you must be root" in diagnosis.findings[1].message


def test_it_runs_nothing_that_changes_anything() -> None:
    used = host(*UFW_CHAINS, files={"/proc/net/ip_tables_names": "filter\n"})
    examine(used)
    for command, stdin in used.ran:
        assert command.startswith("unshare --net") or (
            " list " in command or "-save" in command or "--version" in command
        )
        assert stdin == "" or command == "unshare --net -- nft -f -"


def test_the_chains_of_others_only() -> None:
    used = host(*UFW_CHAINS)
    assert [each.title for each in foreign_chains(used)] == ["ip filter INPUT"]
    assert not any("iptables" in command for command, _ in used.ran)


def test_it_can_be_written_as_data() -> None:
    data = msgspec.to_builtins(examine(host(*UFW_CHAINS)))
    assert data["findings"][0]["level"] == "problem"
    assert data["chains"][1]["closed"] is True
    assert data["leftovers"] == {"iptables": (), "sets": (), "nft_tables": ()}
