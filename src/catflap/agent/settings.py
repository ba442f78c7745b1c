"""What the configuration means for policy: shared by the agent and by whatever asks what the agent would do."""

from __future__ import annotations

from catflap.agent.config import Configuration
from catflap.policy import Settings
from catflap.policy.host_policy import Failsafe


def policy_settings(configuration: Configuration) -> Settings:
    """What the policy engine needs to know of the configuration."""
    return Settings(
        hostname=configuration["FelixHostname"],
        failsafe=Failsafe(
            configuration["FailsafeInboundHostPorts"], configuration["FailsafeOutboundHostPorts"]
        ),
        workload_prefixes=configuration["InterfacePrefix"],
        node_labels=configuration["NodeLabels"],
        auto_host_endpoints=configuration["AutoHostEndpoints"],
        workload_to_host=configuration["DefaultEndpointToHostAction"],
        accept_mark=configuration["IptablesMarkMask"],
    )
