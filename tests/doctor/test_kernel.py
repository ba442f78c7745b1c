from __future__ import annotations

from catflap.doctor import Level, MemoryHost, ProgramError
from catflap.doctor.kernel import FEATURES, TRY, kernel_findings

VERSION = {"nft --version": "nftables v1.0.6 (Lester Gooch #5)"}


class PickyHost(MemoryHost):
    """Refuses rule sets with a word in them."""

    def run(self, *command: str, stdin: str = "") -> str:
        if "reject" in stdin:
            raise ProgramError("nft: Error: Could not process rule: No such file or directory\nmore")
        return super().run(*command, stdin=stdin)


def test_a_kernel_that_has_all_is_asked_once() -> None:
    host = MemoryHost({**VERSION, " ".join(TRY): ""})
    assert list(kernel_findings(host)) == []
    asked = [stdin for command, stdin in host.ran if command == " ".join(TRY)]
    assert len(asked) == 1
    assert all(text in asked[0] for text in FEATURES.values())


def test_what_is_missing_is_named() -> None:
    (finding,) = kernel_findings(PickyHost({**VERSION, " ".join(TRY): ""}))
    assert finding.level is Level.PROBLEM
    assert finding.object == "reject (nft_reject_inet), for the action Reject"
    assert finding.message == "is refused: nft: Error: Could not process rule: No such file or directory"


def test_without_the_program_nothing_is_tried_and_that_is_said() -> None:
    (finding,) = kernel_findings(MemoryHost(VERSION))
    assert (finding.level, finding.check) == (Level.NOTE, "not-looked-at")


def test_an_old_nft() -> None:
    (finding,) = kernel_findings(MemoryHost({"nft --version": "nftables v0.9.8 (E.D.S.)", " ".join(TRY): ""}))
    assert (finding.level, finding.object) == (Level.WARNING, "nft 0.9.8")


def test_versions_that_are_not_understood_are_no_finding() -> None:
    assert list(kernel_findings(MemoryHost({"nft --version": "nft, of course", " ".join(TRY): ""}))) == []
    assert list(kernel_findings(MemoryHost({" ".join(TRY): ""}))) == []


def test_the_library() -> None:
    host = MemoryHost({**VERSION, " ".join(TRY): ""}, library="libnftables.so.1 cannot be loaded")
    (finding,) = kernel_findings(host)
    assert (finding.object, finding.message) == ("libnftables", "libnftables.so.1 cannot be loaded")
