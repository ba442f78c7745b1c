from __future__ import annotations

from catflap.model.v3_documents import INTERPRETERS
from catflap.schema.kinds import specs


def test_every_kind_that_is_acted_upon_is_there() -> None:
    assert specs().keys() == INTERPRETERS.keys()


def test_an_endpoint_needs_a_host_and_an_interface_or_addresses() -> None:
    spec = specs()["HostEndpoint"]
    assert spec.needed
    assert spec.either == (("node", "nodeSelector"), ("interfaceName", "expectedIPs"))
    assert not specs()["Tier"].needed
