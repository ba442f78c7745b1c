"""A real ``etcd grpc-proxy``, which fans one watch of a cluster out to many clients."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from catflap.lab.etcd import free_port
from catflap.lab.server_process import Server, ServerProcess

START_TIMEOUT: Final = 10.0  # seconds
READY: Final = b"started gRPC proxy"


class GrpcProxy(Server):
    """A proxy on loopback in front of etcd members (host and port each); as a context manager it is started.

    Entering raises `catflap.lab.server_process.ServerError` if it does not start.
    """

    def __init__(self, members: Sequence[str]) -> None:
        self._members = tuple(members)
        self._directory = Path(tempfile.mkdtemp(prefix="catflap-grpc-proxy-"))
        self.endpoint = f"127.0.0.1:{free_port()}"
        self.process = ServerProcess(f"etcd grpc-proxy {self.endpoint}", self._directory / "log")

    def start(self) -> None:
        """Start, and wait until it listens. It does not need the members for that."""
        self.process.launch(
            [
                *("etcd", "grpc-proxy", "start"),
                f"--endpoints={','.join(self._members)}",
                f"--listen-addr={self.endpoint}",
                f"--data-dir={self._directory / 'data'}",
            ]
        )
        self.process.wait_until_logged(READY, START_TIMEOUT)

    def close(self) -> None:
        """End it and remove its files."""
        self.process.kill()
        shutil.rmtree(self._directory, ignore_errors=True)
