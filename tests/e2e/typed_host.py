"""A host at which commands are typed: the guide's interfaces and name, and a shell whose files are its own.

The shell has its own host name and mounts, so that documents' commands run to the letter and write nothing to this
machine: ``/etc`` is a copy, ``/run`` and ``/var/log`` are empty.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from catflap.lab.agent import AgentProcess
from catflap.lab.listeners import Listeners
from catflap.lab.namespaces import Lab, Namespace
from catflap.lab.probes import Expectation, Probe, Transport, measure
from catflap.lab.processes import kill_inside
from catflap.lab.topology import DualStack, GuideNetwork

from .documents import ROOT, Command

HOSTNAME = "my-host"
TIMEOUT = 20.0
Service = tuple[Transport, int]
BOTH, V4, NONE = frozenset({4, 6}), frozenset({4}), frozenset[int]()
_END = "--end-of-command--"
_PREPARE = f"""
echo {HOSTNAME} >/proc/sys/kernel/hostname
for each in /run /var/log; do mount -t tmpfs none $each || exit 1; done
mkdir /run/etc /run/tmp && cp -a /etc/. /run/etc/ && mount --bind /run/etc /etc || exit 1
exec bash --norc --noprofile
"""


class CommandFailedError(AssertionError):
    """A command of a document failed; the text has what it printed."""


class TypedHost:
    """The shell, the network around it, and the log of the agent that was started by typing."""

    def __init__(
        self, network: GuideNetwork, shell: asyncio.subprocess.Process, listeners: Listeners
    ) -> None:
        self.network = network
        self._listeners = listeners
        self._shell = shell
        self._log_file = Path(f"/proc/{shell.pid}/root/var/log/calico/felix.log")
        self.log = AgentProcess(network.host, self._log_file, {})  # only its eyes: it is never started

    async def type(self, command: Command | str) -> str:
        """Type a command, wait for its end, and return what it printed.

        Raises:
            CommandFailedError: its exit status is not 0, or it does not end.
        """
        text, where = command if isinstance(command, Command) else (command, "this test")
        assert self._shell.stdin is not None
        assert self._shell.stdout is not None
        self._shell.stdin.write(f"{text}\nprintf '\\n%s %d\\n' {_END} $?\n".encode())
        try:
            async with asyncio.timeout(TIMEOUT):
                output = await self._shell.stdout.readuntil(f"\n{_END} ".encode())
                status = int(await self._shell.stdout.readline())
        except (TimeoutError, asyncio.IncompleteReadError) as error:
            raise CommandFailedError(f"{where}: `{text}` did not end: {error!r}") from None
        printed = output.decode().removesuffix(f"\n{_END} ")
        if status != 0:
            raise CommandFailedError(f"{where}: `{text}` ended with exit status {status}:\n{printed}")
        return printed

    async def type_in_background(self, command: Command) -> None:
        """Type a command that does not end by itself, as in a terminal of its own."""
        await self.type(Command(f"{command.plain} </dev/null >/dev/null 2>&1 &", command.where))

    async def start_agent(self, command: Command) -> None:
        """Type a command that starts an agent, which takes the place of the one before."""
        await self.type("[ -z $AGENT ] || { kill $AGENT; wait $AGENT; }")
        self.log.mark()
        await self.type_in_background(command)
        await self.type("AGENT=$!")

    async def listen(self, node: Namespace, *ports: int) -> None:
        """Let another node serve TCP ports, too."""
        await self._listeners.listen(node, tcp=ports)

    async def until(self, condition: str) -> None:
        """Wait until a shell command succeeds."""
        await self.type(f"until {condition} >/dev/null 2>&1; do sleep 0.05; done")

    def logged(self) -> list[str]:
        """Every line that was ever logged."""
        return self._log_file.read_text().splitlines()

    async def until_enforced(self, command: Command) -> None:
        """Type a command that makes one change of etcd, and wait until the agent has enforced it."""
        before = json.loads(await self.type("ETCDCTL_API=3 etcdctl get / --write-out=json"))
        self.log.mark()
        await self.type(command)
        self.log.wait_until_enforced(before["header"]["revision"] + 1)

    async def expect(
        self,
        source: Namespace,
        to: DualStack,
        service: Service,
        passes: frozenset[int] = BOTH,
    ) -> None:
        """Assert in which IP versions packets get through."""
        expectations = [
            Expectation(Probe(source, address, *service), version in passes)
            for version, address in ((4, to.v4), (6, to.v6))
        ]
        differing = [each for each in await measure(expectations) if not each.as_expected]
        assert not differing, f"went another way: {differing}"


@asynccontextmanager
async def typed_host() -> AsyncIterator[TypedHost]:
    """A new host with a shell, and servers on it and around it."""
    environment = {
        "PATH": f"{Path(sys.executable).parent}:/usr/sbin:/usr/bin:/sbin:/bin",
        "HOME": "/run/tmp",
        "TMPDIR": "/run/tmp",
        "LC_ALL": os.environ.get("LC_ALL", "C.UTF-8"),
        "CATFLAP_STATE_DIR": "/run/catflap",
    }
    with Lab() as lab:
        network = GuideNetwork.build(lab)
        async with Listeners() as listeners:
            await listeners.listen(network.host, tcp=(22, 80, 179, 443, 9100))
            await listeners.listen(network.store, tcp=(2379, 2380, 5432))
            await listeners.listen(network.web, tcp=(443,))
            shell = await asyncio.create_subprocess_exec(
                *network.host.command_prefix,
                *("setpriv", "--pdeathsig", "KILL", "unshare", "--mount", "--uts", "bash", "-c", _PREPARE),
                cwd=ROOT,
                env=environment,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
            )
            try:
                yield TypedHost(network, shell, listeners)
            finally:
                kill_inside([network.host.path])  # what was typed with & holds the shell's output open
                await shell.wait()
