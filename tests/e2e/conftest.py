from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from tests.nft.namespace import Namespace, NamespaceNft

from catflap.lab.agent import AgentProcess
from catflap.lab.namespaces import Lab, LabError
from catflap.lab.topology import GuideNetwork

from .guide_host import READY, GuideHost, guide_host


@pytest.fixture(scope="session", autouse=True)
def permitted() -> None:
    """These tests are never skipped: where they cannot run, they fail and say why."""
    refusal = None
    try:
        with Lab() as trial:
            trial.add("trial")
    except LabError as error:
        refusal = f"tests/e2e need root and network namespaces: {error}"
    if refusal:
        pytest.fail(refusal, pytrace=False)


@pytest.fixture
def namespace() -> Iterator[Namespace]:
    """A namespace for nftables alone, without interfaces of its own."""
    namespace = Namespace()
    yield namespace
    namespace.close()


@pytest.fixture
def nft(namespace: Namespace) -> Iterator[NamespaceNft]:
    """The nf_tables of ``namespace``."""
    nft = NamespaceNft(namespace)
    yield nft
    nft.close()


@pytest.fixture
def lab() -> Iterator[Lab]:
    with Lab() as entered:
        yield entered


@pytest.fixture
def network(lab: Lab) -> GuideNetwork:
    return GuideNetwork.build(lab)


@pytest.fixture(params=[2, 3], ids=["api2", "api3"])
async def guide(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[GuideHost]:
    """The host of the guide, with an etcd that is used through either API."""
    async with guide_host(tmp_path, request.param) as made:
        yield made


@pytest.fixture
async def guide3(tmp_path: Path) -> AsyncIterator[GuideHost]:
    """The host of the guide with the v3 API only, for what does not depend on the store."""
    async with guide_host(tmp_path, 3) as made:
        yield made


def _in_sync(guide: GuideHost) -> AgentProcess:
    guide.put(READY, "true")
    agent = guide.start_agent()
    agent.wait_for("status changed to in-sync")
    return agent


@pytest.fixture
def agent(guide: GuideHost) -> AgentProcess:
    """An agent in sync with the store of ``guide``, which holds nothing but Ready."""
    return _in_sync(guide)


@pytest.fixture
def agent3(guide3: GuideHost) -> AgentProcess:
    """An agent in sync with the store of ``guide3``, which holds nothing but Ready."""
    return _in_sync(guide3)
