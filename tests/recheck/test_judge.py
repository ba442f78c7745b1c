from __future__ import annotations

import pytest
from msgspec.structs import replace

from catflap.host.conntrack import Entry, FlowTuple
from catflap.host.sockets import Listener
from catflap.recheck.judge import Decision, Judge, first_packets, local_flow, may_be_picked_up
from catflap.verdict.packet import ConnectionState, Path

from .scene import FAR, HERE, NEAR, THERE, VIP, WEB, entry, policy, surroundings

KEEP, END, UNSURE = Decision.KEEP, Decision.END, Decision.UNSURE
POLICY = policy("eth0", ingress=(443,), egress=(8443,))


@pytest.mark.parametrize(
    ("connection", "decision"),
    [
        (entry(NEAR, HERE, 443), KEEP),
        (entry(NEAR, HERE, 80), END),
        (entry(HERE, NEAR, 8443), KEEP),
        (entry(HERE, NEAR, 80), END),
        (entry(WEB, THERE, 80), KEEP),  # no endpoint there
        (entry(WEB, HERE, 80), KEEP),  # by eth1, though for an address of eth0
        (entry(FAR, THERE, 80), UNSURE),  # by eth0, which denies, or by eth1, which does not
        (entry(FAR, VIP, 80), UNSURE),
        (entry(HERE, "233.252.0.1", 80), UNSURE),
        (entry(NEAR, HERE, 80, zone=True), UNSURE),
        (entry(NEAR, HERE, 80, related=True), KEEP),
        (entry(HERE, THERE, 80), KEEP),  # from the host to itself
        (entry("127.0.0.1", "127.0.0.1", 80), KEEP),
        (entry(NEAR, WEB, 443), KEEP),  # forwarded
        (entry(NEAR, WEB, 80), END),
        (entry(WEB, NEAR, 80), KEEP),
    ],
)
def test_a_connection_is_ended_only_if_policy_denies_it_wherever_it_may_come_from(
    connection: Entry, decision: Decision
) -> None:
    judgement = Judge(POLICY, surroundings()).judge(connection)
    assert judgement.decision is decision
    assert (judgement.verdict is not None) is (decision is END)


def test_of_a_connection_met_in_mid_stream_the_server_tells_the_direction() -> None:
    reversed_again = entry(
        HERE, NEAR, 50001, picked_up=True
    )  # the server's own packets: ports as in an answer
    original = replace(reversed_again.original, source_port=80)
    reversed_again = replace(reversed_again, original=original, reply=original.reversed)
    allows_egress = policy("eth0", ingress=(443,), egress=(50001,))
    assert Judge(allows_egress, surroundings(Listener(None, 80))).judge(reversed_again).decision is END
    assert Judge(allows_egress, surroundings()).judge(reversed_again).decision is UNSURE
    assert Judge(POLICY, surroundings()).judge(reversed_again).decision is END
    as_seen = entry(NEAR, HERE, 80, picked_up=True)
    assert Judge(POLICY, surroundings(Listener(HERE, 80))).judge(as_seen).decision is END


def test_a_translated_connection_is_asked_about_with_both_destinations() -> None:
    connection = replace(entry(NEAR, HERE, 8080), reply=FlowTuple(WEB, NEAR, 6, 80, 50000))
    (packet,) = first_packets(connection, surroundings()) or ()
    assert (packet.path, packet.interface, packet.out_interface) == (Path.FORWARD, "eth0", "eth1")
    assert (packet.destination, packet.destination_port) == (WEB, 80)
    assert (packet.original_destination, packet.original_destination_port) == (HERE, 8080)
    assert packet.state is ConnectionState.NEW


def test_icmp_is_asked_about_with_its_type() -> None:
    echo = FlowTuple(NEAR, HERE, 1, icmp_type=8, icmp_code=0)
    answer = FlowTuple(HERE, NEAR, 1, icmp_type=0, icmp_code=0)
    (packet,) = first_packets(Entry(echo, answer), surroundings()) or ()
    assert (packet.icmp_type, packet.icmp_code, packet.destination_port) == (8, 0, None)
    assert not may_be_picked_up(Entry(echo, answer))


def test_the_local_socket_is_on_whichever_side_is_here() -> None:
    into, out, through = entry(NEAR, HERE), entry(HERE, NEAR), entry(NEAR, WEB)
    here = surroundings()
    assert local_flow(into, here) == into.reply
    assert local_flow(out, here) == out.original
    assert local_flow(through, here) is None
    assert may_be_picked_up(into)
