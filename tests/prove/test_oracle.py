from __future__ import annotations

from collections.abc import Callable

import msgspec
import pytest

from catflap.prove.generate import series
from catflap.prove.kernel import Fate, Journey, Place
from catflap.prove.observer import Seen
from catflap.prove.oracle import Follower, questions
from catflap.prove.sample import Fault, Flow, Sample
from catflap.verdict.packet import ConnectionState, Packet, Path

MakeSample = Callable[..., Sample]
PASSED = Fate(received=Journey(None), sent=None, state=Seen.NEW, translated=False, answered=False)
FLOW = Flow(protocol=6, source="10.0.0.10", destination="10.0.0.1", source_port=40000, destination_port=80)


def only_packet(sample: Sample, fate: Fate = PASSED) -> Packet:
    (question,) = questions(sample, fate)
    return question.packet


@pytest.mark.parametrize("seed", [f"test/{number}" for number in range(12)])
def test_following_changes_gives_what_a_new_start_gives(seed: str) -> None:
    follower = Follower()
    for world in series(seed, 4):
        assert follower.follow(world) == Follower().follow(world)


def test_the_way_of_a_received_packet_follows_from_its_destination(sample: MakeSample) -> None:
    assert only_packet(sample()).path is Path.IN
    forwarded = only_packet(sample(destination="10.65.0.1"))
    assert (forwarded.path, forwarded.interface, forwarded.out_interface) == (Path.FORWARD, "eth0", "cali1")
    elsewhere = only_packet(sample(destination="9.9.9.9"))
    assert elsewhere.out_interface == "eth0"


def test_a_packet_of_the_host_to_itself_is_asked_about_twice(sample: MakeSample) -> None:
    both = msgspec.structs.replace(PASSED, sent=Journey(None))
    asked = [(each.packet.path, each.packet.interface) for each in questions(sample(interface=None), both)]
    assert asked == [(Path.OUT, "lo"), (Path.IN, "lo")]


def test_the_frames_mac_address_is_the_cables_or_the_samples(sample: MakeSample) -> None:
    assert only_packet(sample(interface="eth1")).source_mac == "02:00:00:00:02:02"
    assert only_packet(sample(source_mac="02:aa:aa:aa:aa:aa")).source_mac == "02:aa:aa:aa:aa:aa"


def test_a_translated_packet_has_both_destinations(sample: MakeSample) -> None:
    fate = msgspec.structs.replace(PASSED, translated=True)
    packet = only_packet(sample(destination_port=8081), fate)
    assert (packet.path, packet.destination, packet.destination_port) == (Path.FORWARD, "10.65.0.1", 80)
    assert (packet.original_destination, packet.original_destination_port) == ("10.0.0.1", 8081)


def test_the_hosts_own_packet_keeps_the_interface_that_was_chosen_before_translation(
    sample: MakeSample,
) -> None:
    fate = Fate(None, Journey(None), Seen.NEW, translated=True, answered=False)
    packet = only_packet(sample(interface=None, destination_port=8081), fate)
    assert (packet.path, packet.interface, packet.destination) == (Path.OUT, "lo", "10.65.0.1")
    assert packet.original_destination == "10.0.0.1"


def test_on_its_way_in_over_loopback_nobody_sees_what_was_translated_on_its_way_out(
    sample: MakeSample,
) -> None:
    fate = Fate(Journey(None), Journey(None), Seen.NEW, translated=True, answered=False)
    _, question = questions(sample(interface=None, destination_port=8080), fate)
    assert (question.packet.destination_port, question.packet.original_destination) == (80, None)


@pytest.mark.parametrize(
    ("dropped", "state", "translated"),
    [
        (None, Seen.NEW, False),
        (Place.RAW, None, True),
        (Place.MANGLE, Seen.NEW, True),
        (Place.MANGLE, Seen.UNTRACKED, False),
    ],
)
def test_a_packet_dropped_before_translation_counts_as_it_would_have_been(
    sample: MakeSample, dropped: Place | None, state: Seen | None, translated: bool
) -> None:
    fate = msgspec.structs.replace(PASSED, received=Journey(dropped), state=state)
    packet = only_packet(sample(destination_port=8081), fate)
    assert (packet.original_destination is not None) == translated


@pytest.mark.parametrize(
    ("fields", "seen", "state"),
    [
        ({}, Seen.RELATED, ConnectionState.RELATED),
        ({}, None, ConnectionState.NEW),
        ({"known": FLOW}, None, ConnectionState.ESTABLISHED),
        ({"known": FLOW}, Seen.UNTRACKED, ConnectionState.ESTABLISHED),
        ({"known": FLOW}, Seen.INVALID, ConnectionState.INVALID),
        ({"known": FLOW, "quotes": True}, None, ConnectionState.RELATED),
        ({"fault": Fault.FLAGS}, None, ConnectionState.INVALID),
    ],
)
def test_the_state_is_what_the_kernel_saw_or_would_have_seen(
    sample: MakeSample, fields: dict[str, object], seen: Seen | None, state: ConnectionState
) -> None:
    fate = msgspec.structs.replace(PASSED, state=seen)
    assert only_packet(sample(**fields), fate).state is state


def test_what_was_not_tracked_on_its_way_out_is_as_good_as_new_on_its_way_in(sample: MakeSample) -> None:
    fate = msgspec.structs.replace(PASSED, sent=Journey(None), state=Seen.UNTRACKED)
    states = [each.packet.state for each in questions(sample(interface=None, known=FLOW), fate)]
    assert states == [ConnectionState.ESTABLISHED, ConnectionState.NEW]
