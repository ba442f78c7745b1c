from __future__ import annotations

from catflap.agent.config import resolve
from catflap.agent.settings import policy_settings
from catflap.model import Action

from .conftest import local_sources


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
