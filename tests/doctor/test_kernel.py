from __future__ import annotations

from catflap.doctor import Level, MemoryHost, ProgramError
from catflap.doctor.kernel import APART, FEATURES, TRY, kernel_findings

APART_WORKS = {f"{' '.join(APART)} true": "", " ".join(TRY): ""}
VERSION = {"nft --version": "nftables v1.0.6 (Lester Gooch #5)"}


class PickyHost(MemoryHost):
    """Refuses rule sets with a word in them."""

    def run(self, *command: str, stdin: str = "") -> str:
        if "reject" in stdin:
            raise ProgramError("nft: Error: Could not process rule: No such file or directory")
        return super().run(*command, stdin=stdin)


def test_a_kernel_that_has_all_is_asked_once() -> None:
    host = MemoryHost({**VERSION, **APART_WORKS})
    assert list(kernel_findings(host)) == []
    asked = [stdin for command, stdin in host.ran if command == " ".join(TRY)]
    assert len(asked) == 1
    assert all(text in asked[0] for text in FEATURES.values())


def test_what_is_missing_is_named() -> None:
    (finding,) = kernel_findings(PickyHost({**VERSION, **APART_WORKS}))
    assert finding.level is Level.PROBLEM
    assert finding.object == "reject (nft_reject_inet), for the action Reject"
    assert finding.message == "is refused: Could not process rule: No such file or directory"


def test_where_no_namespace_may_be_made_nothing_is_tried_and_that_is_said() -> None:
    refusal = ProgramError("unshare: unshare failed: Operation not permitted")
    (finding,) = kernel_findings(MemoryHost({**VERSION, **APART_WORKS, f"{' '.join(APART)} true": refusal}))
    assert (finding.level, finding.check) == (Level.NOTE, "not-looked-at")
    assert finding.message == "were not tried: unshare: unshare failed: Operation not permitted"


def test_an_old_nft() -> None:
    (finding,) = kernel_findings(MemoryHost({"nft --version": "nftables v0.9.8 (E.D.S.)", **APART_WORKS}))
    assert (finding.level, finding.object) == (Level.WARNING, "nft 0.9.8")


def test_versions_that_are_not_understood_are_no_finding() -> None:
    assert list(kernel_findings(MemoryHost({"nft --version": "nft, of course", **APART_WORKS}))) == []
    assert list(kernel_findings(MemoryHost(APART_WORKS))) == []


def test_the_library() -> None:
    host = MemoryHost({**VERSION, **APART_WORKS}, library="libnftables.so.1 cannot be loaded")
    (finding,) = kernel_findings(host)
    assert (finding.object, finding.message) == ("libnftables", "libnftables.so.1 cannot be loaded")
