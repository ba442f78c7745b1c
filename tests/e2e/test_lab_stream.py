from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from catflap.lab.stream import Stream
from catflap.lab.topology import HOST_PUBLIC

if TYPE_CHECKING:
    from catflap.lab.topology import GuideNetwork

BLOCK = "table inet mine {{ chain {hook} {{ type filter hook {hook} priority 0; udp dport 9999 drop; }}; }}"


@pytest.mark.parametrize("address", HOST_PUBLIC)
def test_nothing_is_lost_where_nothing_happens(network: GuideNetwork, address: str) -> None:
    with Stream(network.web, network.host, address, 9999, rate=5000) as stream:
        stream.wait_for(2000)
    assert stream.result.sent == stream.result.received >= 2000
    assert stream.result.missing == ()


@pytest.mark.parametrize("hook", ["input", "output"])
def test_packets_that_were_dropped_are_counted(network: GuideNetwork, hook: str) -> None:
    node = network.host if hook == "input" else network.web
    with Stream(network.web, network.host, HOST_PUBLIC.v4, 9999, rate=5000) as stream:
        stream.wait_for(100)
        node.run("nft", "-f", "-", stdin=BLOCK.format(hook=hook))
        with pytest.raises(TimeoutError, match="of 1000000 packets did not arrive"):
            stream.wait_for(1_000_000, timeout=0.1)
        node.run("nft", "delete", "table", "inet", "mine")
        stream.wait_for(100)
    result = stream.result
    assert result.sent == result.received + len(result.missing)
    assert len(result.missing) >= 100
    assert result.missing == tuple(range(result.missing[0], result.missing[-1] + 1))
    assert result.longest_gap > 0.1


def test_a_port_in_use_is_an_error(network: GuideNetwork) -> None:
    first = Stream(network.web, network.host, HOST_PUBLIC.v4, 9999)
    with pytest.raises(OSError, match="in use"):
        Stream(network.web, network.host, HOST_PUBLIC.v4, 9999)
    with first:
        first.wait_for(1)
