from __future__ import annotations

import errno
from typing import TYPE_CHECKING

import pytest

from catflap.lab.listeners import Listeners
from catflap.lab.probes import Outcome, Probe, run_probes
from catflap.lab.topology import HOST_PUBLIC

if TYPE_CHECKING:
    from catflap.lab.topology import GuideNetwork


async def test_nobody_listens_after_the_end(network: GuideNetwork) -> None:
    probes = [Probe(network.web, address, way, 7) for address in HOST_PUBLIC for way in ("tcp", "udp")]
    async with Listeners() as listeners:
        await listeners.listen(network.host, tcp=[7], udp=[7])
        assert await run_probes(probes) == [Outcome.ALLOWED] * 4
    assert await run_probes(probes) == [Outcome.REFUSED] * 4


async def test_a_port_in_use_is_an_error(network: GuideNetwork) -> None:
    async with Listeners() as listeners:
        await listeners.listen(network.host, tcp=[7])
        with pytest.raises(OSError, match="in use") as caught:
            await listeners.listen(network.host, tcp=[7])
    assert caught.value.errno == errno.EADDRINUSE


async def test_an_answer_that_policy_forbids_ends_nothing(network: GuideNetwork) -> None:
    probe = Probe(network.web, HOST_PUBLIC.v4, "udp", 7)
    async with Listeners() as listeners:
        await listeners.listen(network.host, udp=[7])
        rules = "table inet mine { chain output { type filter hook output priority 0; udp sport 7 drop; }; }"
        network.host.run("nft", "-f", "-", stdin=rules)
        assert await run_probes([probe], silence=0.2) == [Outcome.DENIED]
        network.host.run("nft", "delete", "table", "inet", "mine")
        assert await run_probes([probe]) == [Outcome.ALLOWED]
