"""Types every command of the documents, and judges what the documents say of them with real packets.

A command that is new in a document makes its test fail: give it a step here, or list it with a reason.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import AsyncIterator

import pytest

from catflap.lab.topology import HOST_MANAGEMENT, HOST_PUBLIC, STORE, WEB

from .documents import (
    DOCUMENTS,
    ROOT,
    Command,
    anchors,
    as_documented,
    fenced_commands,
    log_lines,
    mentioned_commands,
    targets,
    transcript,
)
from .typed_host import BOTH, HOSTNAME, NONE, V4, Service, TypedHost, typed_host

SSH: Service = ("tcp", 22)
HTTP: Service = ("tcp", 80)
HTTPS: Service = ("tcp", 443)
BGP: Service = ("tcp", 179)
METRICS: Service = ("tcp", 9100)
ETCD: Service = ("tcp", 2379)
ETCD_PEER: Service = ("tcp", 2380)
DATABASE: Service = ("tcp", 5432)
PING: Service = ("icmp", 0)
READY = "/calico/v1/Ready"

INSTALLING = (
    "apt-get install ./catflap_0.1.0_amd64.deb",
    "dnf install ./catflap-0.1.0-1.x86_64.rpm",
    "tar -xf catflap-0.1.0-linux-x86_64.tar.gz && sudo catflap-0.1.0-linux-x86_64/install",
    "pipx install catflap-0.1.0-py3-none-any.whl",
    "systemctl enable --now catflap",
    "systemctl status catflap",
    "apt-get remove catflap",
    "apt-get purge catflap",
    "rpm --erase catflap",
    "/usr/local/lib/catflap/uninstall",
)
# Commands that cannot be typed inside of a test: why, and which test covers what they do.
NOT_TYPED = {
    "scripts/grafana_dashboard.py": ("writes into the checkout", "tests/agent/test_monitoring_files.py"),
    "scripts/metrics_reference.py": ("writes into the checkout", "tests/agent/test_monitoring_files.py"),
    "apt install ./catflap_*_amd64.deb": ("installs a package on this machine", "tests/e2e/test_setup.py"),
    "systemctl enable --now catflap.service catflap-boot.service": (
        "needs systemd",
        "tests/e2e/test_boot.py",
    ),
    "catflap agent -c FILE": ("stands for any file", "tests/cli/test_agent.py"),
    "catflap apply -f FILE": ("stands for any file", "tests/cli/test_apply.py"),
    "catflap check --strict .": ("for a pipeline", "tests/cli/test_check.py"),
    "catflap doctor --from-felix -o json": ("as the one without -o json", "tests/cli/test_doctor.py"),
    "catflap schema hep": ("prints what that test looks at", "tests/cli/test_schema.py"),
    "git revert": ("names what others do", "tests/e2e/test_how_tos.py"),
    "systemctl disable --now calico-felix": (
        "needs systemd and Felix",
        "tests/e2e/test_migrate_from_felix.py",
    ),
    "systemctl stop catflap": ("needs systemd; the test stops the agent itself", "tests/e2e/test_how_tos.py"),
    "make reference": ("writes into the checkout", "tests/documents/test_reference.py"),
    "make docs": ("builds the site, as that test does", "tests/documents/test_site.py"),
    "make setup": ("installs packages on this machine", "tests/e2e/test_setup.py"),
    "make demo": ("runs the demo, as that test does", "tests/e2e/test_demo.py"),
    "make demo STORE=etcd": ("runs the demo, as that test does", "tests/e2e/test_demo.py"),
    "make demo STORE=etcd2": ("runs the demo, as that test does", "tests/e2e/test_demo.py"),
    "make test": ("runs this very test", "tests/e2e/test_docs.py"),
    "make lint": ("part of `make test`", "tests/e2e/test_docs.py"),
    "make bench": ("measures for minutes, and what it measures has tests", "tests/e2e/test_guide.py"),
    "make faults": ("injects faults for many minutes", "tests/faults/test_members.py"),
    "make interplay": ("installs packages and runs daemons", "tests/interplay/__main__.py"),
    "make soak": ("injects faults for an hour", "tests/faults/soak.py"),
    **dict.fromkeys(INSTALLING, ("installs on this machine", "tests/packages/test_life.py")),
    "make dist": ("builds for minutes", "tests/packages/test_life.py"),
    "etcd grpc-proxy": ("names what others run", "tests/faults/test_proxy.py"),
    "make golden": ("writes into the checkout", "tests/nft/test_compile.py"),
    "nft -f /var/lib/catflap/rule-set.nft": ("for emergencies", "tests/e2e/test_boot.py"),
    "nft -f": ("names what others do", "tests/e2e/test_self_repair.py"),
    "nft flush ruleset": ("names what somebody else may do", "tests/e2e/test_agent_start.py"),
    "lint-imports": ("part of `make lint`", "tests/e2e/test_docs.py"),
    "apt-get install make": ("installs a package on this machine", "tests/e2e/test_setup.py"),
    "make prove": ("sends packets for minutes", "tests/e2e/test_prove.py"),
    "make prove TIME=450 SEED=founders": ("sends packets for minutes", "tests/e2e/test_prove.py"),
    "make prove TIME=1500 SEED=7": ("sends packets for minutes", "tests/e2e/test_prove.py"),
    "make prove WORLDS=2000 JOBS=1": ("sends packets for minutes", "tests/e2e/test_prove.py"),
    "make prove REPLAY=proof-failures/7-51": ("sends packets for minutes", "tests/e2e/test_prove.py"),
    "catflap lab prove --self-test": ("sends packets for minutes", "tests/e2e/test_prove.py"),
    "catflap VERB --help": ("stands for any verb", "tests/cli/test_main.py"),
    ".venv/bin/catflap": ("names the command that all others start", "tests/e2e/test_docs.py"),
    ".venv/bin/pytest -q tests/policy": ("part of `make test`", "tests/policy/test_engine.py"),
    ".venv/bin/pytest -q tests/e2e/test_guide.py": ("part of `make test`", "tests/e2e/test_guide.py"),
}


class Walk:
    """The commands of a document, to be typed in order and to the last one."""

    def __init__(self, document: str) -> None:
        self._left = [each for each in fenced_commands(document) if each.plain not in NOT_TYPED]

    def next(self, begin: str) -> Command:
        """The next command, which must begin as expected."""
        assert self._left, f"the document has no command that begins with {begin!r} any more"
        command = self._left.pop(0)
        assert command.text.startswith(begin), f"{command.where}: not tested here yet: {command.text}"
        return command

    def finish(self) -> None:
        """Nothing may be left."""
        assert self._left == []


@pytest.fixture
async def host() -> AsyncIterator[TypedHost]:
    async with typed_host() as made:
        yield made


async def test_the_guide(host: TypedHost) -> None:
    walk = Walk("docs/guide.md")
    await begin(host, walk)
    await keep_connected(host, walk)
    await define_endpoints(host, walk)
    await add_policy(host, walk)
    await change_failsafe_ports(host, walk)
    assert_log_lines(host, "docs/guide.md")
    await do_without_etcd(host, walk)
    walk.finish()


async def begin(host: TypedHost, walk: Walk) -> None:
    """Steps 1 to 3."""
    await host.type_in_background(walk.next("etcd --enable-v2"))
    await host.until("etcdctl get /")
    await host.type(walk.next('export PATH="$PWD/.venv/bin:$PATH"'))
    await host.start_agent(walk.next("catflap agent"))
    host.log.wait_for(f"in state wait-for-ready: {READY} is not set")
    assert "set to true (it was not set)" in await host.type(walk.next("catflap init"))
    host.log.wait_for(r"(?s)status changed to resync.*status changed to in-sync")
    await host.type(walk.next("export ETCDCTL_API=3"))
    assert await host.type(walk.next(f"etcdctl put {READY} true")) == "OK\n"
    assert await host.type(walk.next(f"ETCDCTL_API=2 etcdctl set {READY} true")) == "true\n"
    await host.expect(host.network.mgmt, HOST_MANAGEMENT, HTTP)


async def keep_connected(host: TypedHost, walk: Walk) -> None:
    """Step 4: policies alone police nothing."""
    await host.type(walk.next("etcdctl put /calico/v1/policy/tier/default/policy/failsafe"))
    await host.type(walk.next("etcdctl put /calico/v1/policy/tier/default/policy/bgp"))
    await host.expect(host.network.mgmt, HOST_MANAGEMENT, HTTP)


async def define_endpoints(host: TypedHost, walk: Walk) -> None:
    """Step 5."""
    mgmt, web = host.network.mgmt, host.network.web
    await host.until_enforced(walk.next(f"etcdctl put /calico/v1/host/{HOSTNAME}/endpoint/management"))
    await host.expect(mgmt, HOST_MANAGEMENT, SSH)
    await host.expect(mgmt, HOST_MANAGEMENT, HTTP, NONE)
    await host.expect(mgmt, HOST_MANAGEMENT, PING, V4)
    await host.expect(mgmt, HOST_MANAGEMENT, BGP)
    await host.expect(host.network.host, STORE, ETCD)
    await host.expect(host.network.host, STORE, DATABASE, NONE)
    await host.expect(web, HOST_PUBLIC, HTTP)
    await host.until_enforced(walk.next(f"etcdctl put /calico/v1/host/{HOSTNAME}/endpoint/data-1"))
    await host.expect(web, HOST_PUBLIC, HTTP, NONE)
    await host.expect(web, HOST_PUBLIC, SSH)  # the failsafe ports
    host.network.set_forwarding(enabled=True)
    await host.expect(mgmt, WEB, HTTPS)  # what is forwarded is not policed
    host.network.set_forwarding(enabled=False)
    host.log.mark()
    await host.type(walk.next(f"etcdctl put /calico/v1/host/{HOSTNAME}/endpoint/eth0"))
    host.log.wait_for("Validation failed")
    printed = await host.type(walk.next('grep "Validation failed"'))
    assert printed.strip() in host.log.log().splitlines()
    await host.type(walk.next(f"etcdctl del /calico/v1/host/{HOSTNAME}/endpoint/eth0"))


async def add_policy(host: TypedHost, walk: Walk) -> None:
    """Steps 6 and 7."""
    mgmt, web = host.network.mgmt, host.network.web
    await host.until_enforced(walk.next("etcdctl put /calico/v1/policy/tier/default/policy/webserver"))
    await host.expect(web, HOST_PUBLIC, HTTP)
    await host.expect(web, HOST_PUBLIC, HTTPS, NONE)
    await host.expect(host.network.host, WEB, HTTPS)
    await host.expect(mgmt, HOST_MANAGEMENT, HTTP, NONE)
    await host.until_enforced(walk.next("etcdctl del /calico/v1/policy/tier/default/policy/webserver"))
    await host.expect(web, HOST_PUBLIC, HTTP, NONE)
    await host.type(walk.next("etcdctl put /calico/v1/host/monitor-1/endpoint/eth0"))
    await host.until_enforced(walk.next("etcdctl put /calico/v1/policy/tier/default/policy/monitoring"))
    await host.expect(mgmt, HOST_MANAGEMENT, METRICS, V4)
    await host.expect(host.network.store, HOST_MANAGEMENT, METRICS, NONE)
    printed = await host.type(walk.next("catflap explain --store"))
    assert printed.startswith(
        "\n".join(transcript("docs/guide.md", "ALLOW  tcp 192.0.2.10:49152 > 192.0.2.1:9100"))
    )
    assert "monitoring" in await host.type(walk.next("catflap get gnp,hep"))


async def change_failsafe_ports(host: TypedHost, walk: Walk) -> None:
    """Step 8."""
    stranger = host.network.stranger
    await host.expect(stranger, HOST_PUBLIC, SSH)
    await host.until_enforced(walk.next("etcdctl put /calico/v1/config/FailsafeInboundHostPorts"))
    await host.expect(stranger, HOST_PUBLIC, SSH, NONE)
    await host.expect(host.network.mgmt, HOST_MANAGEMENT, SSH, V4)
    await host.expect(host.network.host, STORE, ETCD_PEER)
    await host.until_enforced(walk.next(f"etcdctl put /calico/v1/host/{HOSTNAME}/config/FailsafeOutbound"))
    await host.expect(host.network.host, STORE, ETCD_PEER, NONE)
    await host.expect(host.network.host, STORE, ETCD, V4)  # as the failsafe policy says


async def do_without_etcd(host: TypedHost, walk: Walk) -> None:
    """The last commands: files in place of etcd."""
    await host.type(walk.next("mkdir -p /etc/catflap/policy"))
    await host.type(walk.next("cp examples/02-webserver/*.yaml"))
    await host.start_agent(walk.next("FELIX_FELIXHOSTNAME=web1 catflap agent --store dir:"))
    host.log.wait_for("Enforcing on")
    await host.expect(host.network.web, HOST_PUBLIC, HTTPS)
    host.log.mark()
    await host.type("sed -i 's/443/4443/' /etc/catflap/policy/webserver.yaml")
    host.log.wait_for("Enforcing on")
    await host.expect(host.network.web, HOST_PUBLIC, HTTPS, NONE)


def assert_log_lines(host: TypedHost, document: str) -> None:
    """What a document shows of the log is there, but for times, numbers of processes and of lines."""
    logged = [as_documented(line) for line in host.logged()]
    assert log_lines(document)
    for line in log_lines(document):
        assert any(pattern.fullmatch(line) for pattern in logged), f"{document}: never logged: {line}"


async def test_the_readme(host: TypedHost) -> None:
    walk = Walk("README.md")
    await ask_before_enforcing(host, walk)
    await host.type(walk.next("export PATH="))
    await host.type(walk.next("etcd --data-dir"))
    host.log.mark()
    await host.type(walk.next("catflap agent &"))
    await host.type(walk.next("catflap init"))
    host.log.wait_for("status changed to in-sync")
    await host.type(walk.next('etcdctl put "$policy/failsafe"'))
    await host.expect(host.network.mgmt, HOST_MANAGEMENT, HTTPS)
    await host.until_enforced(walk.next('etcdctl put "/calico/v1/host/$(hostname)/endpoint/eth0"'))
    await host.expect(host.network.mgmt, HOST_MANAGEMENT, HTTP, NONE)
    await host.until_enforced(walk.next('etcdctl put "$policy/webserver"'))
    walk.finish()
    for service, passes in ((SSH, BOTH), (PING, V4), (HTTP, BOTH), (HTTPS, NONE)):
        await host.expect(host.network.mgmt, HOST_MANAGEMENT, service, passes)
    await host.expect(host.network.host, STORE, DATABASE)


async def ask_before_enforcing(host: TypedHost, walk: Walk) -> None:
    """What needs neither a store nor root, and what is shown of it."""
    await host.type(walk.next("export PATH="))
    assert "no errors, no warnings" in await host.type(walk.next("catflap check"))
    assert "6 passed, 0 failed" in await host.type(walk.next("catflap test"))
    assert "table inet catflap {" in await host.type(walk.next("catflap render"))
    printed = await host.type(f"! {walk.next('catflap explain').plain}")  # denied: exit status 1
    left = iter(printed.splitlines())
    shown = transcript("README.md", "DENY  tcp 203.0.113.9:49152 > 192.0.2.1:80")
    assert all(line in left for line in shown), "the README shows another explanation than is printed"


async def test_the_examples_readme(host: TypedHost) -> None:
    walk = Walk("examples/README.md")
    await host.type('cp -r examples "$TMPDIR" && cd "$TMPDIR"')  # a checkout may be another user's
    await host.start_agent(walk.next("FELIX_FELIXHOSTNAME=web1 catflap agent --store"))
    host.log.wait_for("Enforcing on")
    walk.finish()
    await host.expect(host.network.web, HOST_PUBLIC, HTTP)
    await host.expect(host.network.mgmt, HOST_MANAGEMENT, HTTP, NONE)


async def test_the_contributors_notes(host: TypedHost) -> None:
    walk = Walk("CONTRIBUTING.md")
    printed = await host.type(walk.next("make help"))
    walk.finish()
    makefile = (ROOT / "Makefile").read_text()
    for target in re.findall(r"^([a-z0-9]+):", makefile, re.MULTILINE):
        assert re.search(rf"^  make {target} +\S", printed, re.MULTILINE), (
            f"make help does not explain {target}"
        )


async def test_how_to_test_policy(host: TypedHost) -> None:
    walk = Walk("docs/how-to/test-policy.md")
    assert "6 passed, 0 failed" in await host.type(walk.next("catflap test examples/04-policy-tests"))
    assert "6 of 6 policy tests passed" in await host.type(
        walk.next("catflap check --strict examples/04-policy")
    )
    walk.finish()


async def test_how_to_boot(host: TypedHost) -> None:
    walk = Walk("docs/how-to/boot.md")
    await host.type('mkdir "$TMPDIR/policy" && cp examples/02-webserver/*.yaml "$TMPDIR/policy"')
    await host.type("export FELIX_FELIXHOSTNAME=web1")
    await host.type('catflap agent --once --store "dir:$TMPDIR/policy"')
    await host.type("nft delete table inet catflap")
    await host.expect(host.network.web, HOST_PUBLIC, BGP)
    printed = await host.type(walk.next("catflap boot"))
    walk.finish()
    assert re.match(
        r"loaded /run/catflap/rule-set.nft, of store revision \d+, saved at \S+Z by Catflap ", printed
    )
    await host.expect(host.network.web, HOST_PUBLIC, BGP, NONE)
    await host.expect(host.network.web, HOST_PUBLIC, HTTP)


async def test_how_to_monitor(host: TypedHost) -> None:
    walk = Walk("docs/how-to/monitor.md")
    await host.type('etcd --data-dir "$TMPDIR/etcd" </dev/null >/dev/null 2>&1 &')
    await host.until("catflap init --store etcd://localhost:2379")
    await host.start_agent(Command("catflap agent", "this test"))
    await host.until("catflap health")
    printed = (await host.type(walk.next("catflap health"))).splitlines()
    shown = transcript("docs/how-to/monitor.md", "ready")
    assert [line.split()[0] for line in printed] == [line.split()[0] for line in shown]
    assert printed[:2] == shown[:2]
    assert '"ready": true' in await host.type(walk.next("catflap health -o json"))
    await host.type(walk.next("catflap health --alive"))
    await host.type("export ETCDCTL_API=3")
    await host.type(walk.next("etcdctl put /calico/v1/config/PrometheusMetricsEnabled"))
    await host.until("curl -sf http://localhost:9091/metrics")
    await host.type(walk.next("etcdctl put /calico/v1/config/HealthEnabled"))
    assert '"ready": true' in await host.type(walk.next("curl "))
    walk.finish()


async def test_the_reference_of_commands(host: TypedHost) -> None:
    walk = Walk("docs/reference/commands.md")
    await write_objects(host, walk)
    assert "ALLOW" in await host.type(walk.next("catflap explain examples/02-webserver 'tcp 203"))
    assert "DENY" in await host.type(walk.next("catflap explain examples/02-webserver --interface eth0"))
    assert "ALLOW" in await host.type(walk.next("catflap explain examples/02-webserver 'icmp"))
    assert "NO_FORWARD_POLICY" in await host.type(walk.next("catflap explain examples/02-webserver"))
    assert "FAILSAFE_ALLOW" in await host.type(walk.next("echo '{"))
    assert "default/webserver" in await host.type(walk.next("catflap render examples/02-webserver"))
    assert (await host.type(walk.next("diff <(catflap render"))).endswith("different\n")
    await ask_the_doctor(host, walk)
    walk.finish()


async def ask_the_doctor(host: TypedHost, walk: Walk) -> None:
    """On a host with leftovers of Calico's old agent, which are removed."""
    await host.type("iptables-legacy -N felix-INPUT && iptables-legacy -I INPUT -j felix-INPUT")
    shown = (ROOT / "docs/reference/commands.md").read_text()
    printed = await host.type(f"! {walk.next('catflap doctor').plain}")  # problems found: exit status 1
    assert printed in shown
    assert '"level": "problem"' in await host.type(f"! {walk.next('catflap doctor -o json').plain}")
    assert (await host.type(walk.next("catflap doctor --remove-leftovers --yes"))).endswith(
        "nothing is left.\n"
    )
    assert "problem" not in await host.type("catflap doctor")


async def write_objects(host: TypedHost, walk: Walk) -> None:
    """Apply, get and delete, with the tables as the document shows them."""
    await host.type(walk.next("export CATFLAP_STORE=dir:/etc/catflap/policy"))
    await host.type(walk.next("catflap init"))
    assert "4 objects in dir:/etc/catflap/policy: 4 created" in await host.type(walk.next("catflap apply -f"))
    assert "nothing to recover" in await host.type(walk.next("catflap apply --recover finish"))
    assert "nothing to recover" in await host.type(walk.next("catflap apply --recover undo"))
    table = await host.type(walk.next("catflap get hep,gnp"))
    assert table in (ROOT / "docs/reference/commands.md").read_text()
    assert await host.type(walk.next("catflap get hep -l")) == "hostendpoint/web1-public\n"
    assert "webserver configured" in await host.type(walk.next("catflap get gnp webserver -o yaml |"))
    assert "webserver deleted" in await host.type(walk.next("catflap delete gnp webserver"))
    assert "3 deleted" in await host.type(walk.next("catflap delete -f examples/02-webserver"))


async def test_beside_other_packet_filters(host: TypedHost) -> None:
    walk = Walk("docs/interplay.md")
    assert "enforces\n" in await host.type(walk.next("catflap doctor"))
    assert "no leftovers" in await host.type(walk.next("catflap doctor --remove-leftovers --yes"))
    walk.finish()


async def test_the_reference_of_checks(host: TypedHost) -> None:
    walk = Walk("docs/reference/checks.md")
    assert "no errors, no warnings" in await host.type(walk.next("catflap check examples/02-webserver"))
    walk.finish()


async def test_the_reference_of_status(host: TypedHost) -> None:
    walk = Walk("docs/reference/status.md")
    await host.type('etcd --data-dir "$(mktemp -d)" >/dev/null 2>&1 &')
    await host.until("ETCDCTL_API=3 etcdctl get /")
    await host.type(walk.next("export CATFLAP_STORE=etcd://localhost:2379"))
    await host.start_agent(Command("catflap agent", "this test"))
    await host.type("catflap init")
    await host.until("catflap status")
    assert f"{HOSTNAME}  in-sync" in await host.type(walk.next("catflap status"))
    assert f"{HOSTNAME}: in-sync" in await host.type(walk.next('catflap status "$(hostname)"'))
    assert "4 created" in await host.type(walk.next("catflap apply -f examples/02-webserver"))
    assert "the only host enforces revision" in await host.type(walk.next("catflap status --wait latest"))
    assert f"{HOSTNAME}  in-sync" in await host.type(walk.next("catflap status --local"))
    walk.finish()


@pytest.mark.parametrize(
    "document",
    [
        "docs/architecture.md",
        "docs/proof.md",
        "docs/stores.md",
        "docs/index.md",
        "docs/scale.md",
        "docs/schemas/README.md",
        "docs/reference/configuration.md",
        "docs/reference/lints.md",
        "docs/reference/options.md",
        "docs/reference/reasons.md",
        "docs/reference/resources.md",
        "docs/reference/agent.md",
        "docs/reference/metrics.md",
        "docs/reference/policy.md",
    ],
)
def test_other_documents_have_nothing_to_type(document: str) -> None:
    Walk(document).finish()


def test_no_document_is_forgotten() -> None:
    written = {str(path.relative_to(ROOT)) for path in (ROOT / "docs").rglob("*.md")}
    assert written == {each for each in DOCUMENTS if each.startswith("docs/")}


@pytest.mark.parametrize("document", DOCUMENTS)
def test_commands_within_sentences_are_typed_elsewhere_or_listed(document: str) -> None:
    typed = [command.plain for each in DOCUMENTS for command in fenced_commands(each)]
    for command in mentioned_commands(document):
        known = command.text in NOT_TYPED or any(text.startswith(command.text) for text in typed)
        assert known, f"{document}: neither typed by a test nor listed: {command.text}"


@pytest.mark.parametrize("text", sorted(NOT_TYPED))
def test_what_is_not_typed_has_a_reason_and_another_test(text: str) -> None:
    reason, test = NOT_TYPED[text]
    assert reason
    assert (ROOT / test).is_file()
    program, *arguments = text.split()
    if program == "make":
        subprocess.run(["make", "--dry-run", *arguments], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    for path in (each for each in arguments if each.startswith("tests/")):
        assert (ROOT / path).exists()


def test_nothing_is_listed_that_no_document_says() -> None:
    said = {
        command.plain for each in DOCUMENTS for command in (*fenced_commands(each), *mentioned_commands(each))
    }
    assert NOT_TYPED.keys() <= said


@pytest.mark.parametrize("document", DOCUMENTS)
def test_links_lead_somewhere(document: str) -> None:
    for path, heading in targets(document):
        target = (ROOT / document).parent / path if path else ROOT / document
        assert target.exists(), f"{document}: {path}"
        assert not heading or heading in anchors(target), f"{document}: {path}#{heading}"
