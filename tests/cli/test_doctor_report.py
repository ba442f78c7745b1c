from __future__ import annotations

import msgspec
from tests.doctor.recorded import UFW_CHAINS, host

from catflap.cli.doctor_report import lines
from catflap.doctor import ChainView, Diagnosis, Finding, Level, examine
from catflap.doctor.leftovers import Leftovers

LONG = Finding(
    Level.WARNING,
    "foreign-chain",
    "inet a-table-with-a-long-name and-its-chain",
    "has rules that drop, maybe what Catflap allows; " * 4,
    "allow it there, too, with the program that made it, or " * 3,
)


def diagnosis(*findings: Finding, chains: tuple[ChainView, ...] = ()) -> Diagnosis:
    return Diagnosis(findings, chains, Leftovers(), kernel_read=True)


def texts(shown: Diagnosis) -> list[str]:
    return [line.text for line in lines(shown)]


def test_findings_and_chains() -> None:
    shown = texts(examine(host(*UFW_CHAINS)))
    assert shown[:2] == ["1 problem", ""]
    assert shown[2].split() == ["LEVEL", "OBJECT", "FINDING"]
    assert shown[3].startswith(
        "problem  ip filter INPUT                stops what none of its rules accepts,"
    )
    assert any(text.strip().startswith("-> allow it there too (ufw allow") for text in shown)
    table = [text.split() for text in shown[-3:]]
    assert table[0] == ["HOOK", "PRIORITY", "TABLE", "CHAIN", "POLICY", "RULES", "CAN", "OWNER", "ORDER"]
    assert table[1] == ["input", "-5", "inet", "catflap", "input", "accept", "1", "map", "Catflap", "-"]
    assert table[2] == ["input", "0", "ip", "filter", "INPUT", "drop", "1", "-", "ufw", "after"]


def test_all_of_it_fits() -> None:
    (own, *_) = examine(host()).chains
    wide = msgspec.structs.replace(own, table="t" * 60, chain="c" * 60, legacy=True, rules=None)
    shown = texts(diagnosis(LONG, LONG, chains=(own, wide)))
    assert max(map(len, shown)) <= 100
    assert shown[0] == "2 warnings"
    assert shown[3] == "warning  inet a-table-with-a-long-name and-its-chain"
    assert "?" in shown[-1]


def test_the_level_is_marked_for_colours() -> None:
    (line,) = [each for each in lines(diagnosis(LONG)) if each.marked]
    assert (line.text[: line.marked], line.style) == ("warning", "yellow")


def test_names_cannot_forge_a_line() -> None:
    forged = msgspec.structs.replace(LONG, object="a\nproblem  b", message="a\x1b[2Jb")
    shown = "\n".join(texts(diagnosis(forged)))
    assert "\nproblem" not in shown
    assert "\x1b" not in shown
