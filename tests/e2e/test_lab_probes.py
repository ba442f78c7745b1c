from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import pytest

from catflap.lab.listeners import Listeners
from catflap.lab.probes import Expectation, Outcome, Probe, Transport, measure, run_probes
from catflap.lab.topology import HOST_MANAGEMENT, HOST_PUBLIC, MGMT, STRANGER, WEB, GuideNetwork

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from catflap.lab.namespaces import Namespace

TRANSPORTS: tuple[Transport, ...] = ("tcp", "udp", "icmp")


@pytest.fixture
async def guide(network: GuideNetwork) -> AsyncIterator[GuideNetwork]:
    """The network of the guide, with servers on tcp/80 and udp/53 of the host."""
    async with Listeners() as listeners:
        await listeners.listen(network.host, tcp=[80], udp=[53])
        yield network


def add_rule(namespace: Namespace, rule: str, hook: str = "input") -> None:
    namespace.run(
        "nft",
        "-f",
        "-",
        stdin=f"table inet mine {{ chain {hook} {{ type filter hook {hook} priority 0; {rule}; }}; }}",
    )


def to_host(source: Namespace, protocol: Transport, port: int = 0) -> list[Probe]:
    """The same question over IPv4 and IPv6."""
    port = port or {"tcp": 80, "udp": 53, "icmp": 0}[protocol]
    return [Probe(source, address, protocol, port) for address in HOST_PUBLIC]


@pytest.mark.parametrize("protocol", TRANSPORTS)
async def test_what_nobody_forbids_is_allowed(guide: GuideNetwork, protocol: Transport) -> None:
    assert await run_probes(to_host(guide.web, protocol)) == [Outcome.ALLOWED] * 2


@pytest.mark.parametrize("protocol", ["tcp", "udp"])
async def test_a_port_where_nobody_listens_refuses(guide: GuideNetwork, protocol: Transport) -> None:
    assert await run_probes(to_host(guide.web, protocol, port=999)) == [Outcome.REFUSED] * 2


@pytest.mark.parametrize("protocol", TRANSPORTS)
async def test_a_drop_is_denied(guide: GuideNetwork, protocol: Transport) -> None:
    add_rule(guide.host, "iifname eth1 drop")
    assert await run_probes(to_host(guide.web, protocol), silence=0.2) == [Outcome.DENIED] * 2


@pytest.mark.parametrize("protocol", TRANSPORTS)
async def test_a_drop_on_the_senders_own_host_is_denied(guide: GuideNetwork, protocol: Transport) -> None:
    add_rule(guide.web, "meta l4proto { tcp, udp, icmp } drop", "output")
    add_rule(guide.web, "icmpv6 type echo-request drop", "output")
    assert await run_probes(to_host(guide.web, protocol), silence=0.2) == [Outcome.DENIED] * 2


@pytest.mark.parametrize("protocol", TRANSPORTS)
@pytest.mark.parametrize(
    ("reject", "outcome"),
    [("icmpx admin-prohibited", Outcome.UNREACHABLE), ("icmpx port-unreachable", Outcome.REFUSED)],
)
async def test_a_reject_is_told_by_its_kind(
    guide: GuideNetwork, protocol: Transport, reject: str, outcome: Outcome
) -> None:
    add_rule(guide.host, f"icmpv6 type nd-neighbor-solicit accept; iifname eth1 reject with {reject}")
    assert await run_probes(to_host(guide.web, protocol)) == [outcome] * 2


async def test_other_sources_and_ports_do_not_disturb(guide: GuideNetwork) -> None:
    add_rule(guide.host, f"ip saddr {STRANGER.v4} udp dport 53 drop")
    web, stranger = (to_host(source, "udp") for source in (guide.web, guide.stranger))
    outcomes = await run_probes([*web, *stranger], silence=0.2)
    assert outcomes == [Outcome.ALLOWED, Outcome.ALLOWED, Outcome.DENIED, Outcome.ALLOWED]


@pytest.mark.parametrize("protocol", ["tcp", "udp"])
async def test_a_source_port_can_be_chosen(guide: GuideNetwork, protocol: Transport) -> None:
    add_rule(guide.host, "th sport != 4242 th dport { 53, 80 } drop")
    destination, port = HOST_PUBLIC.v4, 80 if protocol == "tcp" else 53
    probes = [Probe(guide.web, destination, protocol, port, source_port=sport) for sport in (4242, 4243)]
    assert await run_probes(probes, silence=0.2) == [Outcome.ALLOWED, Outcome.DENIED]
    assert await run_probes(probes[:1]) == [Outcome.ALLOWED]


async def test_a_source_port_in_use_is_an_error(guide: GuideNetwork) -> None:
    probe = Probe(guide.host, WEB.v4, "udp", 53, source_port=53)
    with pytest.raises(OSError, match="in use"):
        await run_probes([probe])


async def test_answers_come_from_the_address_that_was_asked(guide: GuideNetwork) -> None:
    guide.host.add_addresses("eth1", ["198.51.100.2/24", "2001:db8:2::2/64"])
    later = [Probe(guide.web, address, "udp", 53) for address in ("198.51.100.2", "2001:db8:2::2")]
    assert await run_probes(later) == [Outcome.ALLOWED] * 2


async def test_a_network_without_a_way_there_is_unreachable(guide: GuideNetwork) -> None:
    assert await run_probes([Probe(guide.host, "203.0.113.1", "tcp", 80)]) == [Outcome.UNREACHABLE]


async def test_the_host_forwards_only_when_told_to(guide: GuideNetwork) -> None:
    across = [Probe(guide.mgmt, address, protocol, 80) for protocol in TRANSPORTS for address in WEB]
    assert await run_probes(across, silence=0.2) == [Outcome.DENIED] * 6
    guide.set_forwarding(enabled=True)
    assert all(outcome.reached for outcome in await run_probes(across))


async def test_a_difference_is_measured_once_more(guide: GuideNetwork) -> None:
    add_rule(guide.host, "udp dport 53 quota until 60 bytes drop")  # swallows the first datagram
    probe = to_host(guide.web, "udp")[0]
    (measurement,) = await measure([Expectation(probe, allowed=True)], silence=0.2)
    assert measurement.outcome is Outcome.ALLOWED


async def test_a_lasting_difference_is_reported(guide: GuideNetwork) -> None:
    add_rule(guide.host, "udp dport 53 drop")
    asked: list[tuple[Transport, bool]] = [("udp", True), ("tcp", True), ("icmp", False)]
    expectations = [Expectation(to_host(guide.web, protocol)[0], allowed) for protocol, allowed in asked]
    measurements = await measure(expectations, silence=0.1)
    assert [each.outcome for each in measurements] == [Outcome.DENIED, Outcome.ALLOWED, Outcome.ALLOWED]
    assert [each.as_expected for each in measurements] == [False, True, False]
    assert [each.expectation for each in measurements] == expectations


async def test_a_table_of_60_probes(guide: GuideNetwork) -> None:
    add_rule(guide.host, f"ip saddr {STRANGER.v4} drop; ip6 saddr {STRANGER.v6} meta l4proto != 58 drop")
    services: list[tuple[Transport, int]] = [("tcp", 80), ("tcp", 81), ("udp", 53), ("udp", 54), ("icmp", 0)]
    ways = [
        (guide.mgmt, HOST_MANAGEMENT, True),
        (guide.store, HOST_MANAGEMENT, True),
        (guide.web, HOST_PUBLIC, True),
        (guide.stranger, HOST_PUBLIC, False),
        (guide.host, MGMT, True),
        (guide.host, WEB, True),
    ]
    expectations = [
        Expectation(
            Probe(source, address, protocol, port), allowed or (protocol == "icmp" and ":" in address)
        )
        for (source, target, allowed), (protocol, port) in itertools.product(ways, services)
        for address in target
    ]
    assert len(expectations) == 60
    assert [each for each in await measure(expectations) if not each.as_expected] == []
