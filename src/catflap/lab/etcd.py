"""A real etcd that can be thrown away, for tests, the demo and anyone who wants to try things.

It must never touch an etcd that it did not start: its data is in a new temporary directory, its ports are free ones,
signals go to its own process only, and that process dies with the thread that started it.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Self

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType

START_TIMEOUT = 30.0  # seconds; a busy machine with slow disks needs a few
STOP_TIMEOUT = 5.0
POLL_INTERVAL = 0.01
READY = b"ready to serve client requests"  # etcd logs it when its first proposal is committed
PORT_ATTEMPTS = 3  # another program can take a free port before etcd does
SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 - only the parent of a directory made by mkdtemp


class EtcdError(RuntimeError):
    """An etcd or etcdctl of the lab failed. The text has what it printed."""


def free_port(host: str = "127.0.0.1") -> int:
    """A TCP port that nobody listens on just now."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


class EtcdServer:
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
        self._process: subprocess.Popen[bytes] | None = None

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
        return self._process is not None and self._process.poll() is None

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
                retry = self._port_is_free_choice and "address already in use" in str(error)
                if not retry or attempt == PORT_ATTEMPTS:
                    raise
                self._port = free_port(self._listen)
            else:
                return

    def launch(self) -> None:
        """Start the process and do not wait: the members of a cluster need each other to serve."""
        if self.running:
            raise EtcdError(f"etcd {self.endpoint} is running already")
        with self._log_file.open("wb") as log:
            try:
                self._process = subprocess.Popen(
                    self._command(), stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT
                )
            except OSError as error:
                raise EtcdError(f"cannot start etcd (install etcd-server and util-linux): {error}") from error

    def wait_until_serving(self) -> None:
        """Wait until it has told that it serves, for which a cluster needs most of its members.

        Raises:
            EtcdError: the process ended, or does not serve in time.
        """
        deadline = time.monotonic() + START_TIMEOUT
        while not self._serving():
            if not self.running:
                raise EtcdError(f"etcd {self.endpoint} ended while starting:\n{self._log_tail()}")
            if time.monotonic() > deadline:
                raise EtcdError(f"etcd {self.endpoint} does not serve:\n{self._log_tail()}")
            time.sleep(POLL_INTERVAL)

    def stop(self) -> None:
        """End it in good order (SIGTERM); the data stays."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End it as a crash would (SIGKILL); the data stays."""
        self._end(signal.SIGKILL)

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
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let a frozen server go on."""
        self._signal(signal.SIGCONT)

    def close(self) -> None:
        """End it and remove its data."""
        self.kill()
        shutil.rmtree(self._directory, ignore_errors=True)

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

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
        # setpriv's setting outlives exec, and unlike preexec_fn it is safe where threads run (gRPC has some).
        guard = ["setpriv", "--pdeathsig", "KILL", "--"]
        return [*self._prefix, *guard, "etcd", *words, "--enable-v2", "--unsafe-no-fsync", *self._arguments]

    def _serving(self) -> bool:
        """Asked over the network, a stranger on the same port could answer; the log is this process's own."""
        return READY in self._log_file.read_bytes()

    def _signal(self, number: signal.Signals) -> None:
        if self._process is not None and self.running:
            self._process.send_signal(number)

    def _end(self, number: signal.Signals) -> None:
        if self._process is None:
            return
        self._signal(number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(STOP_TIMEOUT)
        self._signal(signal.SIGKILL)
        self._process.wait()
        self._process = None

    @property
    def _data_dir(self) -> Path:
        return self._directory / "data"

    @property
    def _log_file(self) -> Path:
        return self._directory / "log"

    def _log_tail(self) -> str:
        lines = self._log_file.read_text(errors="replace").splitlines()
        return "\n".join(lines[-10:])


def _new_directory() -> Path:
    base = SHARED_MEMORY if os.access(SHARED_MEMORY, os.W_OK) else None
    return Path(tempfile.mkdtemp(prefix="catflap-etcd-", dir=base))


def cluster(size: int) -> list[EtcdServer]:
    """The members of one cluster on loopback, launched and serving. Close each of them.

    Raises:
        EtcdError: the cluster does not come up.
    """
    peers = {f"m{number}": f"http://127.0.0.1:{free_port()}" for number in range(size)}
    everyone = ",".join(f"{name}={url}" for name, url in peers.items())
    members = [EtcdServer(arguments=_member_arguments(name, url, everyone)) for name, url in peers.items()]
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


def _member_arguments(name: str, peer_url: str, everyone: str) -> list[str]:
    return [
        "--heartbeat-interval=50",
        "--election-timeout=500",
        f"--name={name}",
        f"--listen-peer-urls={peer_url}",
        f"--initial-advertise-peer-urls={peer_url}",
        f"--initial-cluster={everyone}",
    ]
