"""A revision that changes rules and the members of their sets takes effect as one: no packet meets a mix of both."""

from __future__ import annotations

import json
from typing import Any

from catflap.lab.agent import AgentProcess
from catflap.lab.stream import Stream
from catflap.lab.topology import HOST_MANAGEMENT, MGMT

from .guide_host import HEP, POLICY, GuideHost

PORT = 5002
RATE = 5000  # packets/s
CLIENT = "/calico/v1/host/other/endpoint/client"
ENDPOINT = {"name": "eth0", "labels": {"policed": "yes"}}

Revision = tuple[list[dict[str, Any]], str]  # the rules, and the group that the client belongs to


def write(guide: GuideHost, revision: Revision) -> None:
    rules, group = revision
    policy = {"selector": "has(policed)", "inbound_rules": rules, "outbound_rules": []}
    client = {"expected_ipv4_addrs": [MGMT.v4], "labels": {"group": group}}
    guide.write({f"{POLICY}/p": json.dumps(policy).encode(), CLIENT: json.dumps(client).encode()})


async def alternate(guide: GuideHost, agent: AgentProcess, revisions: tuple[Revision, Revision]) -> Stream:
    """Stream from the client to the host while the two revisions replace each other."""
    write(guide, revisions[0])
    guide.enforced(agent, lambda: guide.put(f"{HEP}/e", ENDPOINT))
    with Stream(guide.network.mgmt, guide.host, HOST_MANAGEMENT.v4, PORT, rate=RATE) as stream:
        for round_ in range(12):
            guide.enforced(agent, lambda wanted=revisions[(round_ + 1) % 2]: write(guide, wanted))  # type: ignore[misc]  # bound now
    return stream


async def test_what_both_revisions_deny_never_passes(guide3: GuideHost, agent3: AgentProcess) -> None:
    allow_a = {"action": "allow", "src_selector": "group == 'a'"}
    deny_client = {"action": "deny", "src_net": f"{MGMT.v4}/32"}
    stream = await alternate(guide3, agent3, (([allow_a], "none"), ([deny_client, allow_a], "a")))
    assert stream.result.sent > RATE // 10
    assert stream.result.received == 0


async def test_what_both_revisions_allow_always_passes(guide3: GuideHost, agent3: AgentProcess) -> None:
    def only(group: str) -> Revision:
        deny = {"action": "deny", "src_selector": f"has(group) && group != '{group}'"}
        return [deny, {"action": "allow", "src_selector": f"group == '{group}'"}], group

    stream = await alternate(guide3, agent3, (only("a"), only("b")))
    assert stream.result.sent > RATE // 10
    assert len(stream.result.missing) == 0
