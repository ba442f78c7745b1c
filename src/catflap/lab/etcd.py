"""A real etcd that can be thrown away, for tests, the demo and anyone who wants to try things.

It must never touch an etcd that it did not start: its data is in a new temporary directory, its ports are free ones,
signals go to its own process only, and that process dies with the thread that started it.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import re
import shutil
import socket
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from catflap.lab.server_process import Server, ServerError, ServerProcess

if TYPE_CHECKING:
    from collections.abc import Sequence

START_TIMEOUT = 30.0  # seconds; a busy machine with slow disks needs a few
READY = b"ready to serve client requests"  # etcd logs it when its first proposal is committed
PORT_ATTEMPTS = 3  # another program can take a free port before etcd does
PORT_TRIALS = 100
SERVER_PORTS = (12_000, 32_000)  # below net.ipv4.ip_local_port_range
TAKEN = "address already in use"
SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 - only the parent of a directory made by mkdtemp


class EtcdError(ServerError):
    """An etcd or etcdctl of the lab failed. The text has what it printed."""


def free_port(host: str = "127.0.0.1") -> int:
    """A TCP port that nobody listens on just now.

    It is one that the kernel gives to no client, so that nobody takes it while its server restarts. (A client that
    tries again and again may even be given the very port that it calls, and is then connected to itself.)

    Raises:
        EtcdError: no port was found.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    for _ in range(PORT_TRIALS):
        port = random.randrange(*SERVER_PORTS)  # noqa: S311 - a guess, not a secret
        with socket.socket(family) as probe, contextlib.suppress(OSError):
            probe.bind((host, port))
            return port
    raise EtcdError(f"no free port was found from {SERVER_PORTS[0]} to {SERVER_PORTS[1]} on {host}")


class EtcdServer(Server):
    """One etcd member with both APIs; as a context manager it is started, and removed with its data.

    Args:
        listen: the address to serve clients on.
        port: the port to serve clients on; a free one of this network namespace if None.
        command_prefix: runs etcd and etcdctl somewhere else, such as ``["ip", "netns", "exec", "blue"]``; the
            program must replace itself with etcd, as that one does.
        arguments: more options for etcd; they win over the usual ones.
        scheme: ``https`` when ``arguments`` bring a certificate.
        client_arguments: more options for `etcdctl` with the v3 API, such as ``--cacert``.
        directory: where its data and its log are kept, and removed in the end; a new temporary one if None.
    """

    def __init__(
        self,
        *,
        listen: str = "127.0.0.1",
        port: int | None = None,
        command_prefix: Sequence[str] = (),
        arguments: Sequence[str] = (),
        scheme: Literal["http", "https"] = "http",
        client_arguments: Sequence[str] = (),
        directory: Path | None = None,
    ) -> None:
        self._listen = listen
        self._port_is_free_choice = port is None
        self._port = free_port(listen) if port is None else port
        self._prefix = tuple(command_prefix)
        self._arguments = tuple(arguments)
        self._scheme = scheme
        self._client_arguments = tuple(client_arguments)
        self._directory = directory or _new_directory()
        self._directory.mkdir(exist_ok=True)
        self.process = ServerProcess(f"etcd {self.endpoint}", self._directory / "log", command_prefix)

    @property
    def endpoint(self) -> str:
        """Host and port, as store URLs have it."""
        host = f"[{self._listen}]" if ":" in self._listen else self._listen
        return f"{host}:{self._port}"

    @property
    def client_url(self) -> str:
        """The URL for etcd's own tools."""
        return f"{self._scheme}://{self.endpoint}"

    @property
    def running(self) -> bool:
        """Whether the process lives."""
        return self.process.running

    def start(self) -> None:
        """Start, and wait until requests are served.

        Raises:
            EtcdError: it is not installed, ended at once, or does not serve in time.
        """
        for attempt in range(1, PORT_ATTEMPTS + 1):
            self.launch()
            try:
                self.wait_until_serving()
            except EtcdError as error:
                self.kill()
                retry = self._port_is_free_choice and TAKEN in str(error)
                if not retry or attempt == PORT_ATTEMPTS:
                    raise
                self._port = free_port(self._listen)
            else:
                return

    def launch(self) -> None:
        """Start the process and do not wait: the members of a cluster need each other to serve."""
        self.process.name = f"etcd {self.endpoint}"
        try:
            self.process.launch(self._command())
        except ServerError as error:
            raise EtcdError(str(error)) from error

    def wait_until_serving(self) -> None:
        """Wait until it has told that it serves, for which a cluster needs most of its members.

        Raises:
            EtcdError: the process ended, or does not serve in time.
        """
        try:
            self.process.wait_until_logged(READY, START_TIMEOUT)
        except ServerError as error:
            raise EtcdError(str(error)) from error

    def stop(self) -> None:
        """End it in good order (SIGTERM); the data stays."""
        self.process.stop()

    def kill(self) -> None:
        """End it as a crash would (SIGKILL); the data stays."""
        self.process.kill()

    def restart(self) -> None:
        """Stop if it runs, and start on the same data and port."""
        self.stop()
        self.start()

    def wipe(self) -> None:
        """Throw the data away, as a replaced disk does. It must be stopped."""
        if self.running:
            raise EtcdError(f"etcd {self.endpoint} is running: stop it before its data is removed")
        shutil.rmtree(self._data_dir, ignore_errors=True)

    def freeze(self) -> None:
        """Stop it from doing anything while its connections stay (SIGSTOP)."""
        self.process.freeze()

    def thaw(self) -> None:
        """Let a frozen server go on."""
        self.process.thaw()

    def close(self) -> None:
        """End it and remove its data."""
        self.kill()
        shutil.rmtree(self._directory, ignore_errors=True)

    def etcdctl(self, *arguments: str, api: Literal[2, 3] = 3) -> str:
        """Run etcdctl against this member and return what it printed.

        Raises:
            EtcdError: etcdctl failed.
        """
        own = self._client_arguments if api == 3 else ()  # noqa: PLR2004 - the API's version is its name
        command = [*self._prefix, "etcdctl", "--endpoints", self.client_url, *own, *arguments]
        environment = {**os.environ, "ETCDCTL_API": str(api)}
        done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
        if done.returncode != 0:
            raise EtcdError(
                f"etcdctl {' '.join(arguments)} failed: {done.stderr.strip() or done.stdout.strip()}"
            )
        return done.stdout

    def change(self, *command: str, api: Literal[2, 3] = 3) -> int:
        """Run an etcdctl command that writes; returns the revision (the index, in the v2 API) that it made."""
        if api == 3:  # noqa: PLR2004 - the API's version is its name
            return int(json.loads(self.etcdctl("--write-out=json", *command))["header"]["revision"])
        return int(json.loads(self.etcdctl("--output=json", *command, api=2))["node"]["modifiedIndex"])

    def leads(self) -> bool:
        """Whether it is the leader of its cluster.

        Raises:
            EtcdError: it does not answer.
        """
        status = self._status()
        return bool(status["leader"] == status["header"]["member_id"])

    def compact(self) -> None:
        """Forget all history of the v3 API but the present.

        Raises:
            EtcdError: it does not answer.
        """
        self.etcdctl("compaction", str(self._status()["header"]["revision"]))

    def _status(self) -> Any:
        (answer,) = json.loads(self.etcdctl("endpoint", "status", "--write-out=json"))
        return answer["Status"]

    def save_snapshot(self, file: Path) -> None:
        """Back up what the v3 API holds.

        Raises:
            EtcdError: etcdctl failed.
        """
        self.etcdctl("snapshot", "save", str(file))

    def restore_snapshot(self, file: Path) -> None:
        """Replace the data by a backup, as the manual of etcd says; for a single member, which must be stopped.

        Raises:
            EtcdError: it is running, or etcdctl failed.
        """
        self.wipe()
        self.etcdctl("snapshot", "restore", str(file), f"--data-dir={self._data_dir}")

    def _command(self) -> list[str]:
        options = {
            "--data-dir": str(self._data_dir),
            "--listen-client-urls": self.client_url,
            "--advertise-client-urls": self.client_url,
            "--listen-peer-urls": "http://127.0.0.1:0",  # a single member never calls itself
            "--heartbeat-interval": "10",  # milliseconds: a single member's election need not take a second
            "--election-timeout": "100",
        }
        words = [f"{option}={value}" for option, value in options.items()]
        return ["etcd", *words, "--enable-v2", "--unsafe-no-fsync", *self._arguments]

    @property
    def _data_dir(self) -> Path:
        return self._directory / "data"


def _new_directory() -> Path:
    base = SHARED_MEMORY if os.access(SHARED_MEMORY, os.W_OK) else None
    return Path(tempfile.mkdtemp(prefix="catflap-etcd-", dir=base))


def cluster(
    size: int, *, listen: str = "127.0.0.1", ports: Sequence[int] = (), command_prefix: Sequence[str] = ()
) -> list[EtcdServer]:
    """The members of one cluster, launched and serving; they call each other on loopback. Close each of them.

    Args:
        size: how many.
        listen: the address to serve clients on.
        ports: the ports to serve clients on, one for each; free ones if empty.
        command_prefix: as for `EtcdServer`.

    Raises:
        EtcdError: the cluster does not come up.
    """
    attempts = 1 if ports else PORT_ATTEMPTS
    while True:
        attempts -= 1
        try:
            return _started(_members(size, listen, ports, command_prefix))
        except EtcdError as error:
            if TAKEN not in str(error) or not attempts:
                raise


def add_learner(members: Sequence[EtcdServer]) -> EtcdServer:
    """A further member, serving, that receives the cluster's data but has no vote. Close it.

    Raises:
        EtcdError: the cluster refuses it, or it does not come up.
    """
    peer = f"http://127.0.0.1:{free_port()}"
    name = f"m{len(members)}"
    answer = members[0].etcdctl("member", "add", name, "--learner", f"--peer-urls={peer}")
    (everyone,) = re.findall(r'^ETCD_INITIAL_CLUSTER="(.*)"$', answer, re.MULTILINE)
    arguments = [*_member_arguments(name, peer, everyone), "--initial-cluster-state=existing"]
    (learner,) = _started([EtcdServer(arguments=arguments)])
    return learner


def _started(members: list[EtcdServer]) -> list[EtcdServer]:
    """The members, serving; none of them runs after an error."""
    try:
        for member in members:
            member.launch()
        for member in members:
            member.wait_until_serving()
    except BaseException:
        for member in members:
            member.close()
        raise
    return members


def _members(size: int, listen: str, ports: Sequence[int], command_prefix: Sequence[str]) -> list[EtcdServer]:
    peers = {f"m{number}": f"http://127.0.0.1:{free_port()}" for number in range(size)}
    everyone = ",".join(f"{name}={url}" for name, url in peers.items())
    chosen: Sequence[int | None] = ports or [None] * size
    return [
        EtcdServer(
            listen=listen,
            port=port,
            command_prefix=command_prefix,
            arguments=_member_arguments(name, url, everyone),
        )
        for (name, url), port in zip(peers.items(), chosen, strict=True)
    ]


def _member_arguments(name: str, peer_url: str, everyone: str) -> list[str]:
    return [
        "--heartbeat-interval=50",
        "--election-timeout=500",
        "--strict-reconfig-check=false",  # a learner need not wait until the cluster is 5 s old
        f"--name={name}",
        f"--listen-peer-urls={peer_url}",
        f"--initial-advertise-peer-urls={peer_url}",
        f"--initial-cluster={everyone}",
    ]
