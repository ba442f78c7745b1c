"""Measures how Catflap and other packet filters get along, with the real products: ``make interplay``.

Prints the table of docs/interplay.md, and ends with exit status 1 where something is not as that page says.
"""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from tests.e2e.beside import ALLOWED, DENIED, Beside, allow, beside

from catflap.lab.agent import catflap_command
from catflap.lab.guide import document
from catflap.lab.namespaces import Lab, Namespace
from catflap.lab.probes import Expectation, Outcome, Probe, measure
from catflap.lab.processes import kill_inside
from catflap.lab.topology import HOST_PUBLIC, WEB

from .guest import Guest, GuestError, install

BUS = """\
<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN" "busconfig.dtd">
<busconfig><type>session</type><listen>unix:path=/run/bus</listen><policy context="default">
<allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/><allow own="*"/></policy></busconfig>
"""
WITH_BUS = "export DBUS_SYSTEM_BUS_ADDRESS=unix:path=/run/bus;"
CONTAINER, PUBLISHED = "172.17.0.2", 8080


class Report:
    """The table, line by line."""

    def __init__(self) -> None:
        self.differs = False

    def row(self, product: str, question: str, answer: object, expected: object = None) -> None:
        """Print one measurement; it differs where something else was expected."""
        wrong = expected is not None and answer != expected
        self.differs |= wrong
        print(
            f"| {product} | {question} | {answer}{f' (EXPECTED {expected})' if wrong else ''} |", flush=True
        )


class Scene:
    """A host, a product on it, and the report."""

    def __init__(self, product: str, host: Beside, guest: Guest, report: Report) -> None:
        self.product, self.host, self.guest, self._report = product, host, guest, report

    def row(self, question: str, answer: object, expected: object = None) -> None:
        self._report.row(self.product, question, answer, expected)

    async def ports(self, question: str, *expected: int) -> None:
        """Which ports answer."""
        found = await self.host.open_ports(*expected)
        self.row(question, _ports(found), _ports(set(expected)))

    def unhurt(self, question: str, script: str) -> None:
        """Whether our table stays what it is while something is done, down to the kernel's own numbers."""
        before = self.host.own_table()
        self.guest.run(script)
        self.row(question, "unchanged" if self.host.own_table() == before else "changed", "unchanged")

    def doctor(self) -> str:
        """What the doctor finds, as data."""
        return self.guest.run(f"{' '.join(catflap_command('doctor', '-o', 'json'))} || true")

    def owners(self) -> None:
        """Whose chains the doctor finds."""
        others = [each for each in json.loads(self.doctor())["chains"] if each["owner"] != "Catflap"]
        self.row("`catflap doctor` says they are of", ", ".join(sorted({each["owner"] for each in others})))
        hooks = [f"{each['hook']} {each['priority']}" for each in others if each["closed"] or each["effects"]]
        self.row("hooks that can stop packets", ", ".join(dict.fromkeys(hooks)) or "none")

    async def life(self) -> None:
        """Whether the agent's start, a change and its end touch what others have."""
        theirs = self.host.others()
        self.host.start()
        self.host.agent.mark()
        self.host.write("more", allow("other", 9))
        self.host.agent.wait_for("Enforcing on")
        self.host.agent.stop()
        same = self.host.others() == theirs
        self.row("their rules after our agent's life", "unchanged" if same else "changed", "unchanged")
        self.host.agent.start()
        self.host.agent.wait_for("Enforcing on|in-sync")


async def filtered(scene: Scene, start: str, allow_both: str, again: dict[str, str], stop: str) -> None:
    """A product that closes ports: who wins?"""
    scene.guest.run(start)
    await scene.ports("open with its defaults, without Catflap")
    await scene.life()
    scene.owners()
    await scene.ports("Catflap allows 80, the product nothing")
    scene.guest.run(allow_both)
    await scene.ports("Catflap allows 80, the product 80 and 81", ALLOWED)
    for question, script in again.items():
        scene.unhurt(f"our table after {question}", script)
    await scene.ports("open afterwards", ALLOWED)
    scene.unhurt("our table after its end", stop)
    await scene.ports("open afterwards, with Catflap alone", ALLOWED)


async def ufw(scene: Scene) -> None:
    """Debian's ufw, which programs iptables-nft."""
    await filtered(
        scene,
        "ufw --force enable",
        "ufw allow 80/tcp && ufw allow 81/tcp",
        {"`ufw reload`": "ufw reload", "`ufw disable` and `enable`": "ufw disable && ufw --force enable"},
        "ufw disable",
    )


async def firewalld(scene: Scene) -> None:
    """Debian's firewalld, with its nftables backend, on a message bus of its own."""
    scene.guest.run(f"cat >/run/bus.conf <<'END'\n{BUS}END")
    bus = scene.guest.start("exec dbus-daemon --nofork --config-file=/run/bus.conf")
    start = (
        f"{WITH_BUS} setsid firewalld --nofork >/dev/null 2>&1 & "
        f"{WITH_BUS} for each in $(seq 100); do firewall-cmd --state 2>/dev/null && exit 0; sleep 0.1; done; exit 1"
    )
    stop = "kill $(cat /run/firewalld.pid); while [ -e /run/firewalld.pid ]; do sleep 0.1; done"
    try:
        await filtered(
            scene,
            start,
            f"{WITH_BUS} firewall-cmd --permanent --add-port=80/tcp --add-port=81/tcp && firewall-cmd --reload",
            {
                "`firewall-cmd --reload`": f"{WITH_BUS} firewall-cmd --reload",
                "`firewall-cmd --complete-reload`": f"{WITH_BUS} firewall-cmd --complete-reload",
                "a restart": f"{stop}; {start}",
            },
            stop,
        )
    finally:
        bus.kill()
        bus.wait()


async def nftables_service(scene: Scene) -> None:
    """What the unit of Debian's package runs, with its own configuration file."""
    scene.guest.run("nft -f /etc/nftables.conf")
    await scene.ports("open with its defaults, without Catflap", ALLOWED, DENIED)
    await scene.life()
    scene.owners()
    scene.guest.run("nft -f /etc/nftables.conf")  # the same as `systemctl reload nftables`
    began = time.monotonic()
    while "inet catflap" not in scene.guest.run("nft list tables") and time.monotonic() - began < 3:
        await asyncio.sleep(0)
    back = "inet catflap" in scene.guest.run("nft list tables")
    took = (
        f"back within {1000 * (time.monotonic() - began):.0f} ms" if back else "gone, and not back within 3 s"
    )
    scene.row("our table after a reload with `flush ruleset`", took)


async def docker(scene: Scene) -> None:
    """Debian's dockerd. What it does for a published port is done as it would, for a container that is a namespace."""
    network, guest = scene.host.network, scene.guest
    start = (
        "setsid dockerd --storage-driver=vfs >/var/log/dockerd 2>&1 & for each in $(seq 100); do"
        " curl -sf --unix-socket /run/docker.sock http://x/_ping >/dev/null && exit 0; sleep 0.1; done;"
        " tail -n 3 /var/log/dockerd; exit 1"
    )
    stop = "kill $(cat /run/docker.pid); while [ -e /run/docker.pid ]; do sleep 0.1; done"
    network.set_forwarding(enabled=True)
    scene.row("forwarded to a server, without docker", await _reaches(network.mgmt, WEB.v4, 80), "open")
    guest.run(start)
    scene.row("the same, forwarding was on before docker", await _reaches(network.mgmt, WEB.v4, 80), "open")
    guest.run(stop)
    network.set_forwarding(enabled=False)
    guest.run(f"iptables -F FORWARD; {start}")
    scene.row("the same, docker turns forwarding on", await _reaches(network.mgmt, WEB.v4, 80), "closed")
    await scene.life()
    scene.owners()
    await scene.ports("to the host itself: Catflap allows 80", ALLOWED)
    scene.row("forwarded, Catflap has no policy for it", await _reaches(network.mgmt, WEB.v4, 80), "closed")
    guest.run("iptables -I DOCKER-USER -j ACCEPT")
    scene.row("the same, accepted in DOCKER-USER", await _reaches(network.mgmt, WEB.v4, 80), "open")
    guest.run("iptables -D DOCKER-USER -j ACCEPT")
    _publish(scene)
    scene.row("published port, normal policy denies it", await _published(network.stranger), "open")
    scene.row("`catflap doctor` warns of it", "yes" if "(DNAT)" in scene.doctor() else "no", "yes")
    rule: dict[str, object] = {"action": "Deny", "protocol": "TCP", "destination": {"ports": [PUBLISHED]}}
    await _with_policy(scene, "deny", rule, preDNAT=True, applyOnForward=True)
    scene.row("published port, preDNAT policy denies it", await _published(network.stranger), "closed")
    scene.host.delete("deny")
    scene.host.agent.wait_for("Enforcing on")
    scene.unhurt("our table after a restart of dockerd", f"{stop}; {start}")
    await scene.ports("open afterwards", ALLOWED)
    scene.unhurt("our table after its end", stop)


async def libvirt(scene: Scene) -> None:
    """Debian's libvirtd with its default network, and with no other of its drivers."""
    prepare = (
        "mount -t sysfs none /sys; groupadd -f libvirt; cd /usr/lib/*/libvirt/connection-driver;"
        " ls | grep -v network | xargs rm"
    )
    start = (
        "setsid libvirtd >/dev/null 2>&1 & for each in $(seq 100); do"
        " virsh -c network:///system net-list >/dev/null 2>&1 && exit 0; sleep 0.1; done; exit 1"
    )
    stop = "kill $(cat /run/libvirtd.pid); while [ -e /run/libvirtd.pid ]; do sleep 0.1; done"
    scene.guest.run(prepare)
    scene.guest.run(start)
    scene.guest.run("virsh -c network:///system net-start default")
    await scene.ports("open with its defaults, without Catflap", ALLOWED, DENIED)
    await scene.life()
    scene.owners()
    await scene.ports("to the host itself: Catflap allows 80", ALLOWED)
    scene.unhurt("our table after a restart of libvirtd", f"{stop}; {start}")
    await scene.ports("open afterwards", ALLOWED)


async def _with_policy(scene: Scene, name: str, rule: dict[str, object], **fields: object) -> None:
    policy = document("GlobalNetworkPolicy", name, order=0, types=["Ingress"], ingress=[rule], **fields)
    scene.host.agent.mark()
    scene.host.write("deny", policy)
    scene.host.agent.wait_for("Enforcing on")
    scene.host.agent.mark()


def _publish(scene: Scene) -> None:
    """A container on docker0 with port 80 published as 8080: the rules that dockerd makes for ``-p 8080:80``."""
    web = scene.host.network.web
    scene.host.network.host.ip(
        f"link add veth-docker type veth peer name eth9 netns {web.name}",
        "link set veth-docker master docker0 up",
    )
    web.ip(
        f"address add {CONTAINER}/16 dev eth9", "link set eth9 up", "route add 198.51.100.66 via 172.17.0.1"
    )
    scene.guest.run(
        f"iptables -t nat -A DOCKER ! -i docker0 -p tcp --dport {PUBLISHED} -j DNAT --to-destination {CONTAINER}:80;"
        f"iptables -A DOCKER -d {CONTAINER}/32 ! -i docker0 -o docker0 -p tcp --dport 80 -j ACCEPT"
    )


async def _published(source: Namespace) -> str:
    return await _reaches(source, HOST_PUBLIC.v4, PUBLISHED)


async def _reaches(source: Namespace, address: str, port: int) -> str:
    (measured,) = await measure([Expectation(Probe(source, address, "tcp", port), allowed=True)], silence=0.3)
    return "open" if measured.outcome in (Outcome.ALLOWED, Outcome.REFUSED) else "closed"


def _ports(found: set[int]) -> str:
    return " and ".join(map(str, sorted(found))) or "none"


async def main() -> int:
    """Measure every product on a host of its own."""
    install()
    report = Report()
    print("| product | question | measured |\n|---|---|---|")
    scenes: dict[str, Callable[[Scene], Awaitable[None]]] = {
        "ufw": ufw,
        "firewalld": firewalld,
        "docker": docker,
        "libvirt": libvirt,
        "nftables.service": nftables_service,
    }
    for name in sys.argv[1:] or scenes:
        with Lab() as lab, tempfile.TemporaryDirectory() as directory:
            async with beside(lab, Path(directory)) as host:
                with Guest(host.network.host) as guest:
                    try:
                        await scenes[name](Scene(name, host, guest, report))
                    except GuestError as error:
                        report.row(name, "a command of it fails", error, "works")
                kill_inside([host.network.host.path])
    return int(report.differs)


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
