from __future__ import annotations

from catflap.prove.aim import samples
from catflap.prove.draw import Draw
from catflap.prove.frames import packets
from catflap.prove.generate import series
from catflap.prove.oracle import Follower
from catflap.prove.sample import Sample
from catflap.prove.topology import CABLES, TRANSLATIONS, Target


def _drawn(seed: str = "test/1") -> list[Sample]:
    (world,) = series(seed, 1)
    return samples(Draw(seed), Follower().follow(world), 2000)


def test_the_same_seed_draws_the_same_packets() -> None:
    assert _drawn() == _drawn()


def test_packets_of_every_sort_are_drawn() -> None:
    drawn = _drawn()
    assert {sample.interface for sample in drawn} == {None, *CABLES}
    assert {sample.ip_version for sample in drawn} == {4, 6}
    assert {sample.protocol for sample in drawn} >= {1, 6, 17, 58, 132}
    assert {bool(sample.known) for sample in drawn if sample.quotes} == {True}
    assert any(sample.known and not sample.quotes for sample in drawn)
    assert any(sample.fault for sample in drawn)
    assert any(sample.source_mac for sample in drawn)
    targets = {Target(sample.destination, sample.destination_port or 0) for sample in drawn}
    assert len(targets & TRANSLATIONS.keys()) > 4


def test_every_packet_can_be_written_as_bytes() -> None:
    for number, sample in enumerate(_drawn("test/2"), start=1):
        assert len(packets(sample, number)[0]) > 20
