"""Follows docs/migrate-from-felix.md on a host that another agent's rules police, while packets never pause.

Chains of iptables-legacy with the old agent's names stand in for it: what they let through and what they drop is what
the old agent makes of the keys in the store.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from catflap.lab.stream import Stream
from catflap.lab.topology import HOST_PUBLIC

from .documents import ROOT
from .test_docs import HTTP, HTTPS, SSH, Walk
from .typed_host import HOSTNAME, NONE, V4, TypedHost, typed_host

DOCUMENT = "docs/migrate-from-felix.md"
OPEN, SHUT = 4000, 4001
V1 = "/calico/v1"
CONFIGURATION = """[global]
EtcdAddr = localhost:2379
StartupCleanupDelay = 30
FailsafeOutboundHostPorts =
"""
KEYS = {
    "Ready": "true",
    "policy/tier/default/metadata": '{"order": 100}',
    "policy/tier/default/policy/web": """{"selector": "role == \\"web\\"", "order": 10,
        "inbound_rules": [{"protocol": "tcp", "dst_ports": [80], "ip_version": 4},
            {"protocol": "udp", "dst_ports": [4000], "src_net": "198.51.100.0/24"}],
        "outbound_rules": [{"action": "allow"}]}""",
    f"host/{HOSTNAME}/endpoint/public": '{"expected_ipv4_addrs": ["198.51.100.1"], "labels": {"role": "web"}}',
}
FELIX = (
    "-N felix-INPUT",
    "-N felix-from-eth1",
    "-I INPUT -j felix-INPUT",
    "-A felix-INPUT -i eth1 -g felix-from-eth1",
    "-A felix-from-eth1 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT",
    "-A felix-from-eth1 -p tcp -m multiport --dports 22,80 -j ACCEPT",
    "-A felix-from-eth1 -p udp --dport 4000 -j ACCEPT",
    "-A felix-from-eth1 -j DROP",
)


@pytest.fixture
async def host() -> AsyncIterator[TypedHost]:
    async with typed_host() as made:
        yield made


async def prepare(host: TypedHost) -> None:
    """An etcd with the old keys, the old configuration, and the old agent's rules."""
    await host.type('etcd --enable-v2 --data-dir "$(mktemp -d)" </dev/null >/dev/null 2>&1 &')
    await host.until("etcdctl get /")
    for name, value in KEYS.items():
        await host.type(f"ETCDCTL_API=2 etcdctl set {V1}/{name} '{value}'")
    await host.type(f"mkdir -p /etc/calico && echo '{CONFIGURATION}' >/etc/calico/felix.cfg")
    for rule in FELIX:
        await host.type(f"iptables-legacy {rule}")


async def test_the_takeover_loses_and_leaks_nothing(host: TypedHost) -> None:
    await prepare(host)
    node, web = host.network.host, host.network.web
    await host.expect(web, HOST_PUBLIC, HTTPS, frozenset({6}))  # as the document says of IPv6
    with (
        Stream(web, node, HOST_PUBLIC.v4, OPEN, rate=1000) as allowed,
        Stream(web, node, HOST_PUBLIC.v4, SHUT, rate=1000) as denied,
    ):
        allowed.wait_for(500)
        await take_over(host)
        allowed.wait_for(500)
    assert allowed.result.missing == ()
    assert denied.result.received == 0
    assert min(allowed.result.sent, denied.result.sent) > 2000
    assert "felix" not in await host.type("iptables-legacy-save")
    await host.expect(web, HOST_PUBLIC, HTTP, V4)
    await host.expect(web, HOST_PUBLIC, HTTPS, NONE)
    await host.expect(web, HOST_PUBLIC, SSH)


async def take_over(host: TypedHost) -> None:
    """Every command of the document, whose transcripts are what is printed."""
    walk, shown = Walk(DOCUMENT), (ROOT / DOCUMENT).read_text()
    printed = await host.type(f"! {walk.next('catflap doctor --from-felix').plain}")
    assert printed in shown, printed
    await host.type(walk.next("sed -i"))
    await host.type(walk.next("echo"))
    await host.start_agent(walk.next("catflap agent"))
    host.log.wait_for("Enforcing on")
    printed = await host.type(walk.next("catflap explain --live"))
    assert "ALLOW" in printed
    assert "no leftovers" not in (printed := await host.type(walk.next("catflap doctor --remove-leftovers")))
    assert printed in shown, printed
    assert "problem" not in await host.type(walk.next("catflap doctor"))
    walk.finish()
