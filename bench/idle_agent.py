"""An agent with fakes of the kernel and of the host's interfaces: what it does for its store is all it does."""

from __future__ import annotations

from collections.abc import Mapping

from bench import fleet
from catflap.agent.config import environment_source
from catflap.agent.daemon import Agent
from catflap.agent.enforcement import Enforcement
from catflap.agent.store_configuration import StoreConfiguration
from catflap.agent.workloads import WorkloadSetup
from catflap.host import Interface, Interfaces, MemoryInterfaces, WorkloadLink
from catflap.nft import Enforcer, MemoryNft
from catflap.store import Store


class _NoLinks:
    """There are no interfaces of workloads to set up."""

    def reconcile(self, wanted: Mapping[str, WorkloadLink | None], interfaces: Interfaces) -> list[str]:
        """Nothing to do, nothing went wrong."""
        return [f"{name} of {len(interfaces)} interfaces is not there" for name in wanted]


def idle_agent(store: Store) -> Agent:
    """An agent of the host `fleet.HOST` for ``store``, not running yet."""
    return Agent(
        store=store,
        interfaces=MemoryInterfaces([Interface(2, "eth0", addresses=frozenset({fleet.address(0)}))]),
        enforcement=Enforcement(Enforcer(MemoryNft())),
        workloads=WorkloadSetup(_NoLinks()),
        configuration=StoreConfiguration(lambda: (environment_source({"FELIX_FELIXHOSTNAME": fleet.HOST}),)),
        on_configuration=lambda _configuration: None,
    )
