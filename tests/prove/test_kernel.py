from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet

import pytest

from catflap.prove import kernel
from catflap.prove.kernel import Journey, Place
from catflap.prove.observer import Seen
from catflap.prove.sample import Sample

ARRIVED = (Seen.ARRIVED, Seen.PAST_RAW, Seen.PAST_MANGLE, Seen.ROUTING)
RECEIVED = Sample(interface="eth0", source="10.0.0.1", destination="10.0.0.2", protocol=47)
SENT = Sample(interface=None, source="10.0.0.1", destination="10.0.0.2", protocol=47)


def _sets(seen: tuple[Seen, ...]) -> Mapping[Seen, AbstractSet[int]]:
    """Packet 1 is in these sets, and packet 2 in all others."""
    return {each: frozenset({1 if each in seen else 2}) for each in Seen}


@pytest.mark.parametrize(
    ("seen", "journey"),
    [
        (ARRIVED[:1], Journey(Place.RAW)),
        (ARRIVED[:2], Journey(Place.MANGLE)),
        (ARRIVED[:3], Journey(Place.ROUTING)),
        (ARRIVED, Journey(Place.ROUTING)),
        ((*ARRIVED, Seen.INPUT), Journey(Place.FILTER)),
        ((*ARRIVED, Seen.INPUT, Seen.DELIVERED), Journey(None)),
        ((*ARRIVED, Seen.FORWARD), Journey(Place.FILTER, forwarded=True)),
        ((*ARRIVED, Seen.FORWARD, Seen.FORWARDED), Journey(None, forwarded=True)),
    ],
)
def test_where_a_received_packet_was_dropped(seen: tuple[Seen, ...], journey: Journey) -> None:
    fate = kernel._fate(1, RECEIVED, _sets(seen))
    assert (fate.received, fate.sent) == (journey, None)


@pytest.mark.parametrize(
    ("seen", "journey"),
    [
        ((Seen.SENT,), Journey(Place.RAW)),
        ((Seen.SENT, Seen.SENT_PAST_RAW), Journey(Place.FILTER)),
        ((Seen.SENT, Seen.SENT_PAST_RAW, Seen.LEFT), Journey(None)),
    ],
)
def test_where_a_sent_packet_was_dropped(seen: tuple[Seen, ...], journey: Journey) -> None:
    fate = kernel._fate(1, SENT, _sets(seen))
    assert (fate.received, fate.sent) == (None, journey)


def test_what_else_was_seen_of_a_packet() -> None:
    fate = kernel._fate(1, RECEIVED, _sets((Seen.INVALID, Seen.TRANSLATED)))
    assert (fate.state, fate.translated, fate.answered) == (Seen.INVALID, True, False)
