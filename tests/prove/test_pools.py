from __future__ import annotations

import pytest

from catflap.model import parse_selector
from catflap.model.addresses import canonical_network
from catflap.prove import pools
from catflap.prove.oracle import settings_of
from catflap.prove.world import World


@pytest.mark.parametrize("text", [*pools.SELECTORS, *pools.NODE_SELECTORS])
def test_selectors_can_be_read(text: str) -> None:
    parse_selector(text)


@pytest.mark.parametrize("net", pools.NETS)
def test_networks_can_be_read(net: str) -> None:
    canonical_network(net)


@pytest.mark.parametrize(
    ("parameter", "values"),
    [
        ("InterfacePrefix", pools.INTERFACE_PREFIXES),
        ("FailsafeInboundHostPorts", pools.FAILSAFES),
        ("DefaultEndpointToHostAction", pools.WORKLOAD_TO_HOST),
        ("IptablesMarkMask", pools.MARK_MASKS),
    ],
)
def test_configuration_is_accepted(parameter: str, values: tuple[str, ...]) -> None:
    for value in values:
        settings_of(World({parameter: value}, {}))
