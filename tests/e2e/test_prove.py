"""The kernel does what the evaluator says, and whoever claims otherwise is found out. See docs/proof.md."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from catflap.prove.kernel import Fate, Journey, KernelHost, Place
from catflap.prove.mutants import MUTANTS
from catflap.prove.observer import Seen
from catflap.prove.proof import prove_series, repeat
from catflap.prove.run import Plan, Proof, keep
from catflap.prove.sample import TCP_ACK, Fault, Flow, Sample
from catflap.prove.self_test import discoveries

SECONDS = 60.0
FLOW = Flow(protocol=6, source="10.0.0.10", destination="10.0.0.1", source_port=40000, destination_port=80)


@pytest.fixture(scope="module")
def host() -> Iterator[KernelHost]:
    with KernelHost() as entered:
        yield entered


def received(interface: str, source: str, destination: str, protocol: int = 6, **fields: object) -> Sample:
    ports = {"source_port": 40000, "destination_port": 80} if protocol in (6, 17) else {}
    every = {"source": source, "destination": destination, "protocol": protocol, **ports, **fields}
    return Sample(interface=interface, **every)  # type: ignore[arg-type]  # tests name the fields that matter


def fate(received: Journey | None, sent: Journey | None, state: Seen, *, translated: bool = False) -> Fate:
    return Fate(received, sent, state, translated, answered=False)


@pytest.mark.timeout(300)
def test_kernel_and_evaluator_agree(tmp_path: Path) -> None:
    proof = Proof(Plan("continuous", seconds=SECONDS, failures=tmp_path))
    for _ in proof:
        pass
    reports = [
        (finding.folder / "report.txt").read_text(encoding="utf-8")
        for finding in proof.failed
        if finding.folder
    ]
    assert reports == []
    assert proof.coverage.worlds >= 100
    assert proof.coverage.gaps() == []
    assert proof.coverage.unroutable < proof.coverage.packets / 100


@pytest.mark.timeout(300)
@pytest.mark.parametrize("mutant", MUTANTS)
def test_the_proof_finds_a_mistake(host: KernelHost, mutant: str) -> None:
    (found,) = discoveries(host, "mutants", [mutant])
    assert found.series is not None


def test_a_mistake_is_made_small_and_can_be_repeated(host: KernelHost, tmp_path: Path) -> None:
    """The mistake is put into the host, so that the case fails for as long as that lasts."""
    mutant, enforce = MUTANTS["Pass allows"], host.enforce
    host.enforce = lambda policy, style: enforce(mutant(policy), style)  # type: ignore[method-assign,misc,assignment]  # undone below
    try:
        case = next(
            result.case
            for number in range(50)
            if (result := prove_series(host, f"small/{number}")).case is not None
        )
        assert case is not None
        small = keep(host, case, tmp_path / "case")
        assert len(small.worlds[0].entries) < 5
        assert repeat(host, small)
    finally:
        host.enforce = enforce  # type: ignore[method-assign]  # as it was
    assert repeat(host, small) == ()


@pytest.mark.parametrize(
    ("sample", "expected"),
    [
        (received("eth0", "10.0.0.10", "10.0.0.1"), fate(Journey(None), None, Seen.NEW)),
        (
            received("eth0", "2001:db8::10", "2001:db8:65::1", 17, extension=True),
            fate(Journey(None, forwarded=True), None, Seen.NEW),
        ),
        (
            received("eth0", "10.0.0.10", "10.0.0.1", destination_port=8081),
            fate(Journey(None, forwarded=True), None, Seen.NEW, translated=True),
        ),
        (
            received("eth1", "10.0.0.10", "10.0.0.1", known=FLOW, tcp_flags=TCP_ACK),
            fate(Journey(None), None, Seen.ESTABLISHED),
        ),
        (
            received("eth0", "8.8.8.8", "10.0.0.10", 1, icmp_type=3, known=FLOW, quotes=True),
            fate(Journey(None, forwarded=True), None, Seen.RELATED),
        ),
        (
            received("eth0", "10.0.0.10", "10.0.0.1", fault=Fault.CHECKSUM),
            fate(Journey(None), None, Seen.INVALID),
        ),
        (
            received("eth0", "fe80::2", "fe80::1", 58, icmp_type=135, hop_limit=255),
            fate(Journey(None), None, Seen.UNTRACKED),
        ),
        (
            received("eth0", "0.0.0.0", "10.0.0.10", 17),
            fate(Journey(Place.ROUTING), None, Seen.NEW),
        ),
        (
            Sample(interface=None, source="10.0.0.1", destination="8.8.8.8", protocol=99),
            fate(None, Journey(None), Seen.NEW),
        ),
        (
            Sample(
                interface=None,
                source="10.0.0.1",
                destination="10.0.0.10",
                protocol=6,
                source_port=40000,
                destination_port=8080,
            ),
            fate(None, Journey(None), Seen.NEW, translated=True),
        ),
        (
            received("eth0", "2001:db8::10", "2001:db8::1", fragmented=True),
            fate(Journey(None), None, Seen.NEW),
        ),
        (
            Sample(interface=None, source="10.0.0.1", destination="10.0.1.1", protocol=99),
            fate(Journey(None), Journey(None), Seen.NEW),
        ),
    ],
)
def test_without_policy_every_packet_arrives_as_it_was_meant(
    host: KernelHost, sample: Sample, expected: Fate
) -> None:
    host.start_anew()
    assert host.fates([sample]) == [expected]
