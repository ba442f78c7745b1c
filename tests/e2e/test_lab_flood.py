"""A flood counts what it sends, and tells what a firewall loses from what it lets through."""

from __future__ import annotations

import time

from catflap.lab.flood import Flood, Flow
from catflap.lab.topology import HOST_PUBLIC, GuideNetwork

DROP = """table inet wall {
chain in {
type filter hook input priority 0;
udp dport 9002 drop
udp dport 9003 limit rate 10/second accept
udp dport 9003 drop
}
}
"""


def test_it_counts_what_passes_and_what_is_lost(network: GuideNetwork) -> None:
    network.host.run("nft", "-f", "-", stdin=DROP)
    flows = [
        Flow(network.web, HOST_PUBLIC.v4, 9001),
        Flow(network.stranger, HOST_PUBLIC.v4, 9002),
        Flow(network.web, HOST_PUBLIC.v6, 9003),
    ]
    with Flood(network.host, flows, rate=5000) as flood:
        time.sleep(1)
    passing, denied, some = flood.counts
    assert min(passing.sent, denied.sent, some.sent) > 1000
    assert (passing.lost, denied.passed) == (0, 0)
    assert passing.passed == passing.arrived > 1000
    assert denied.lost == denied.arrived > 1000
    assert 0 < some.passed < some.arrived
    assert flood.seconds >= 1
    assert "packet-count" not in network.host.run("nft", "list", "tables")
