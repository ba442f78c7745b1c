from __future__ import annotations

import json
from collections.abc import Mapping

import pytest

from catflap.agent.config import resolve
from catflap.agent.failsafe import DEFAULT_INBOUND, DEFAULT_OUTBOUND
from catflap.agent.settings import policy_settings
from catflap.agent.store_configuration import StoreConfiguration
from catflap.model import V1_ROOT, V3_ROOT, Action, ConfigurationValues, PortRange, decode
from catflap.model.resources import SCTP, TCP, UDP
from catflap.policy import PolicyEngine
from catflap.policy.host_policy import Failsafe, FailsafePort

from .conftest import local_sources

IN, OUT = "FailsafeInboundHostPorts", "FailsafeOutboundHostPorts"
SPEC_IN, SPEC_OUT = "failsafeInboundHostPorts", "failsafeOutboundHostPorts"
EVERYBODYS, OWN = (f"{V3_ROOT}felixconfigurations/{name}" for name in ("default", "node.web1"))
SSH_8 = FailsafePort(TCP, PortRange(22, 22), "10.0.0.0/8")
OBJECTS = [{"protocol": "TCP", "port": 22, "net": "10.0.0.0/8"}, {"protocol": "SCTP", "port": 5060}]


def test_every_setting_comes_from_its_parameter() -> None:
    configuration, _ = resolve(
        local_sources(
            FelixHostname="web1",
            FailsafeInboundHostPorts="none",
            FailsafeOutboundHostPorts="udp:53",
            InterfacePrefix="tap",
            NodeLabels="rack=r1",
            AutoHostEndpoints="true",
            DefaultEndpointToHostAction="RETURN",
            IptablesMarkMask="0x30",
        )
    )
    settings = policy_settings(configuration)
    assert settings.hostname == "web1"
    assert settings.failsafe.inbound == ()
    assert [port.ports.first for port in settings.failsafe.outbound] == [53]
    assert settings.workload_prefixes == ("tap",)
    assert settings.node_labels == {"rack": "r1"}
    assert settings.auto_host_endpoints
    assert settings.workload_to_host is Action.ALLOW
    assert settings.accept_mark == 0x10


def spec(**fields: object) -> str:
    return json.dumps({"kind": "FelixConfiguration", "spec": fields})


def enforced_failsafe(stored: Mapping[str, str]) -> Failsafe:
    """What host web1 enforces, from what the store holds."""
    configuration = StoreConfiguration(lambda: local_sources(FelixHostname="web1"))
    for path, value in stored.items():
        for change in decode(path, value.encode()).changes:
            assert isinstance(change.resource, ConfigurationValues)
            configuration.take(change.key, change.resource)
    configuration.resolve()
    return PolicyEngine(policy_settings(configuration.current)).host_policy().failsafe


@pytest.mark.parametrize(
    ("stored", "inbound", "outbound"),
    [
        ({}, DEFAULT_INBOUND, DEFAULT_OUTBOUND),
        ({EVERYBODYS: spec(**{SPEC_IN: [], SPEC_OUT: []})}, (), ()),
        ({EVERYBODYS: spec(**{SPEC_IN: None})}, DEFAULT_INBOUND, DEFAULT_OUTBOUND),
        (
            {EVERYBODYS: spec(**{SPEC_IN: OBJECTS})},
            (SSH_8, FailsafePort(SCTP, PortRange(5060, 5060))),
            DEFAULT_OUTBOUND,
        ),
        ({EVERYBODYS: spec(**{SPEC_IN: OBJECTS}), OWN: spec(**{SPEC_IN: []})}, (), DEFAULT_OUTBOUND),
        ({OWN.replace("web1", "db1"): spec(**{SPEC_IN: []})}, DEFAULT_INBOUND, DEFAULT_OUTBOUND),
        ({f"{V1_ROOT}config/{IN}": "none", f"{V1_ROOT}config/{OUT}": "none"}, (), ()),
        (
            {f"{V1_ROOT}config/{OUT}": "sctp:5060-5061, udp:10.0.0.0/8:53"},
            DEFAULT_INBOUND,
            (FailsafePort(SCTP, PortRange(5060, 5061)), FailsafePort(UDP, PortRange(53, 53), "10.0.0.0/8")),
        ),
        (
            {EVERYBODYS: spec(**{SPEC_IN: []}), f"{V1_ROOT}host/web1/config/{IN}": "tcp:10.0.0.0/8:22"},
            (SSH_8,),
            DEFAULT_OUTBOUND,
        ),
    ],
)
def test_stored_failsafe_lists_reach_what_the_host_enforces(
    stored: Mapping[str, str], inbound: tuple[FailsafePort, ...], outbound: tuple[FailsafePort, ...]
) -> None:
    assert enforced_failsafe(stored) == Failsafe(inbound, outbound)
