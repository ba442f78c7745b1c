from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from catflap.lab.etcd import EtcdServer, cluster

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def members() -> Iterator[list[EtcdServer]]:
    """The three members of a cluster, which the test may end, freeze or damage."""
    with ExitStack() as stack:
        servers = cluster(3)
        for server in servers:
            stack.callback(server.close)
        yield servers
