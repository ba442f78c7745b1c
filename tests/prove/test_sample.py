from __future__ import annotations

import msgspec

from catflap.prove.sample import Flow, Sample

FLOW = Flow(protocol=6, source="10.0.0.1", destination="10.0.0.2", source_port=1, destination_port=2)


def test_a_connection_reversed_twice_is_itself() -> None:
    assert FLOW.reversed == Flow(
        protocol=6, source="10.0.0.2", destination="10.0.0.1", source_port=2, destination_port=1
    )
    assert FLOW.reversed.reversed == FLOW


def test_a_sample_survives_being_written_and_read() -> None:
    sample = Sample(interface=None, source="::1", destination="::1", protocol=58, icmp_type=0, known=FLOW)
    assert sample.ip_version == 6
    assert msgspec.convert(msgspec.to_builtins(sample), Sample) == sample
