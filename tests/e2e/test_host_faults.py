"""Faults of the host itself: each is said clearly, and enforcement goes on (or what was enforced stays).

A kernel that refuses a part of a rule set is in test_nft_isolation.py, a state directory that is full in test_boot.py,
and stores that fail in tests/faults.
"""

from __future__ import annotations

import asyncio
import shutil
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

import pytest
from tests.store.certificates import make_authority, make_certificate

from catflap.lab.agent import AgentProcess, catflap_command
from catflap.lab.topology import HOST_MANAGEMENT

from .guide_host import HEP, POLICY, READY, GuideHost

TIMEOUT: Final = 30.0  # seconds
INTERFACES: Final = 1_000  # more of them take longer: bench/interfaces.py has 10,000
# gRPC counts from the wall clock to its own, in one moment, which cannot be torn apart here.
WILD_CLOCK: Final = """
import itertools, sys, time
real, jumps = time.time, itertools.cycle((-3.2e8, 3.2e8, 0.0, -86400.0, 7200.0))
time.time = lambda: real() + (0 if sys._getframe(1).f_globals["__name__"].startswith("grpc") else next(jumps))
"""


def allow(port: int) -> dict[str, object]:
    return {
        "selector": "all()",
        "inbound_rules": [{"action": "allow", "protocol": "tcp", "dst_ports": [port]}],
        "outbound_rules": [{"action": "allow"}],
    }


def prepare(guide: GuideHost) -> None:
    """A policy for eth0 that lets port 80 through and not 443."""
    guide.put(READY, "true")
    guide.put(f"{POLICY}/web", allow(80))
    guide.put(f"{HEP}/eth0", {"name": "eth0"})


async def expect_port(guide: GuideHost, port: int) -> None:
    """Wait until the other one of the two ports is closed; then this one is open."""
    mgmt, other = guide.network.mgmt, {80: 443, 443: 80}[port]
    async with asyncio.timeout(TIMEOUT):
        while await guide.passes(mgmt, HOST_MANAGEMENT.v4, "tcp", other, expected=False):
            await asyncio.sleep(0.05)
    await guide.expect(mgmt, HOST_MANAGEMENT, "tcp", port, v4=True, v6=True)


async def expect_changes_to_count(guide: GuideHost) -> None:
    """The policy of `prepare` is in force, and another one takes its place."""
    await expect_port(guide, 80)
    guide.put(f"{POLICY}/web", allow(443))
    await expect_port(guide, 443)


@contextmanager
def small_disk(path: Path, options: str = "size=64k") -> Iterator[Path]:
    path.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"{options},mode=700", "none", str(path)], check=True)
    try:
        yield path
    finally:
        subprocess.run(["umount", "--lazy", str(path)], check=True)


def fill(file: Path) -> None:
    """Append until there is no space left."""
    with file.open("ab", buffering=0) as full, suppress(OSError):
        while full.write(b"x" * 4095 + b"\n"):
            pass


def ended(guide: GuideHost, *command: str) -> tuple[int, str]:
    """Exit status and stderr of a command on the host that ends by itself."""
    environment = {
        "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
        "FELIX_LOGFILEPATH": "none",
        **guide.environment(),
    }
    done = subprocess.run(
        (*guide.host.command_prefix, *command),
        env=environment,
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
        check=False,
    )
    return done.returncode, done.stderr


async def test_a_log_directory_that_cannot_be_made(guide3: GuideHost, tmp_path: Path) -> None:
    prepare(guide3)
    (tmp_path / "file").write_text("")
    environment = {**guide3.environment(), "FELIX_LOGFILEPATH": str(tmp_path / "file" / "felix.log")}
    agent = guide3.start_agent(environment)
    await expect_changes_to_count(guide3)
    agent.send_signal(signal.SIGTERM)
    _, stderr = await asyncio.to_thread(agent.wait)
    assert "Cannot write the log file" in stderr
    assert "change LogFilePath, or free the path" in stderr
    assert "Enforcing on eth0" in stderr  # nothing is lost


async def test_a_log_directory_that_is_missing_is_made_and_one_that_goes_away_stops_nothing(
    guide3: GuideHost, tmp_path: Path
) -> None:
    prepare(guide3)
    directory = tmp_path / "log" / "calico"
    agent = guide3.start_agent({**guide3.environment(), "FELIX_LOGFILEPATH": str(directory / "felix.log")})
    await expect_port(guide3, 80)
    assert "Enforcing on eth0" in (directory / "felix.log").read_text()
    shutil.rmtree(directory.parent)
    guide3.put(f"{POLICY}/web", allow(443))
    await expect_port(guide3, 443)
    agent.send_signal(signal.SIGTERM)
    _, stderr = await asyncio.to_thread(agent.wait)
    assert f"(not in {directory}/felix.log: No such file or directory)" in stderr


async def test_a_log_directory_that_is_full(guide3: GuideHost, tmp_path: Path) -> None:
    prepare(guide3)
    with small_disk(tmp_path / "log") as directory:
        file = directory / "felix.log"
        agent = guide3.start_agent({**guide3.environment(), "FELIX_LOGFILEPATH": str(file)})
        await expect_port(guide3, 80)
        ballast = directory / "ballast"
        fill(ballast)
        fill(file)  # the rest of its last page
        guide3.put(f"{POLICY}/web", allow(443))
        await expect_port(guide3, 443)
        ballast.unlink()
        before = file.stat().st_size
        guide3.put(f"{POLICY}/web", allow(80))
        await expect_port(guide3, 80)
        async with asyncio.timeout(TIMEOUT):
            while file.stat().st_size == before:
                await asyncio.sleep(0.05)
        agent.send_signal(signal.SIGTERM)
        _, stderr = await asyncio.to_thread(agent.wait)
        assert f"(not in {file}: No space left on device)" in stderr


async def test_a_file_system_that_is_read_only(guide3: GuideHost, tmp_path: Path) -> None:
    prepare(guide3)
    with small_disk(tmp_path / "state", "ro") as directory:
        agent = guide3.start_agent({**guide3.environment(), "CATFLAP_STATE_DIR": str(directory)})
        agent.wait_for(
            r"\[WARNING\].*The rule set in force is not kept for the next boot: cannot write .*/rule-set.nft:"
            r" Read-only file system; enforcement goes on"
        )
        await expect_changes_to_count(guide3)
        agent.kill()


async def test_a_host_without_libnftables_is_told_what_to_install(guide3: GuideHost) -> None:
    prepare(guide3)
    hide = (
        "for each in $(ldconfig -p | sed -n 's/.*libnftables.so.1 .*=> //p'); do"
        ' mount --bind /dev/null "$(readlink -f "$each")" || exit 9; done; exec "$@"'
    )
    command = ("unshare", "--mount", "sh", "-c", hide, "sh", *catflap_command("agent"))
    status, stderr = ended(guide3, *command)
    assert status == 3
    assert "libnftables.so.1 cannot be loaded" in stderr
    assert "install the package libnftables1" in stderr
    assert "Traceback" not in stderr


async def test_an_agent_without_its_capability_is_told_so_and_touches_nothing(guide3: GuideHost) -> None:
    prepare(guide3)
    before_that = guide3.start_agent()
    before_that.wait_for("Enforcing on eth0")
    before_that.stop()
    before = guide3.rule_set()
    without = ("setpriv", "--bounding-set=-net_admin", "--inh-caps=-net_admin")
    status, stderr = ended(guide3, *without, *catflap_command("agent"))
    assert status == 3
    assert "CAP_NET_ADMIN" in stderr
    assert "Traceback" not in stderr
    assert guide3.rule_set() == before
    await expect_port(guide3, 80)


@pytest.fixture
def key(tmp_path: Path) -> Path:
    make_authority(tmp_path, "ca")
    make_certificate(tmp_path, "client", "ca")
    return tmp_path / "client.key"


def tls(guide: GuideHost, key: Path) -> dict[str, str]:
    """An environment for an etcd with TLS; the one that there is has none, and so is out of reach."""
    return guide.environment(
        EtcdEndpoints=guide.server.client_url.replace("http:", "https:"),
        EtcdCaFile=str(key.with_name("ca.pem")),
        EtcdCertFile=str(key.with_name("client.pem")),
        EtcdKeyFile=str(key),
    )


def test_a_key_that_others_may_read_is_warned_of(guide3: GuideHost, key: Path) -> None:
    key.chmod(0o644)
    agent = guide3.start_agent(tls(guide3, key))
    agent.wait_for(rf"\[WARNING\].*EtcdKeyFile {key} has mode 0644: others may read the key; run chmod 600")
    agent.wait_for("wait-for-ready")  # it goes on trying
    agent.kill()


def test_a_key_that_the_agent_may_not_read_is_named_and_tried_again(guide3: GuideHost, key: Path) -> None:
    assert not key.stat().st_mode & stat.S_IROTH
    shutil.chown(key, "nobody")
    key.chmod(0o600)
    for directory in [key.parent, *key.parent.parents]:
        if directory.stat().st_mode & 0o007 == 0:
            directory.chmod(directory.stat().st_mode | 0o001)
    without = ("setpriv", "--bounding-set=-dac_override,-dac_read_search")
    environment = [f"{name}={value}" for name, value in tls(guide3, key).items()]
    once = catflap_command("agent", "--once", "--timeout", "5")
    status, stderr = ended(guide3, *without, "env", *environment, *once)
    assert status == 3
    assert f"cannot read the key file {key}: Permission denied" in stderr


async def test_ports_that_are_in_use_are_said_and_had_later(guide3: GuideHost) -> None:
    prepare(guide3)
    served = {"HealthEnabled": "true", "HealthHost": "127.0.0.1", "PrometheusMetricsEnabled": "true"}
    with guide3.host.entered():
        others = [socket.create_server(("127.0.0.1", port)) for port in (9091, 9099)]
    agent = guide3.start_agent(guide3.environment(PrometheusMetricsHost="127.0.0.1", **served))
    agent.wait_for(r"\[ERROR\].*No metrics: cannot serve on 127.0.0.1 port 9091: Address already in use")
    agent.wait_for(r"\[ERROR\].*No health: cannot serve on 127.0.0.1 port 9099: Address already in use")
    await expect_changes_to_count(guide3)
    for other in others:
        other.close()
    guide3.put("/calico/v1/config/HealthPort", "9098")
    guide3.put("/calico/v1/config/PrometheusMetricsPort", "9092")
    agent.wait_for("Serving metrics on http://127.0.0.1:9092/")
    agent.wait_for("Serving health on http://127.0.0.1:9098/")


async def test_a_clock_that_jumps_changes_nothing(guide3: GuideHost, tmp_path: Path) -> None:
    prepare(guide3)
    (tmp_path / "sitecustomize.py").write_text(WILD_CLOCK)
    agent = guide3.start_agent({**guide3.environment(), "PYTHONPATH": str(tmp_path)})
    agent.wait_for("Enforcing on eth0")
    agent.mark()
    await expect_changes_to_count(guide3)
    await asyncio.sleep(5)  # the store is asked for signs of life meanwhile
    log = agent.log()
    years = {line[:4] for line in guide3.log_file.read_text().splitlines()}
    assert len(years) > 1, "the clock did not jump"
    assert "WARNING" not in log
    assert "ERROR" not in log
    assert "stale" not in log


def test_a_thousand_interfaces_are_policed_and_each_change_counts(guide3: GuideHost) -> None:
    pairs = range(INTERFACES // 2)
    links = "".join(f"link add many{number} type veth peer name many-{number}\n" for number in pairs)
    guide3.host.run("ip", "-batch", "-", stdin=links)
    guide3.put(READY, "true")
    guide3.put(f"{POLICY}/web", allow(80))
    guide3.put(f"{HEP}/many", {"name": "many*"})
    agent: AgentProcess = guide3.start_agent()
    agent.wait_for("Enforcing on many", timeout=TIMEOUT)
    guide3.enforced(agent, lambda: guide3.put(f"{POLICY}/web", allow(443)))
    agent.mark()
    guide3.host.run("ip", "link", "add", "one-more", "type", "veth", "peer", "name", "its-peer")
    guide3.enforced(agent, lambda: guide3.put(f"{HEP}/one", {"name": "one-more"}))
    assert "one-more" in guide3.rule_set()
    started = time.monotonic()
    command = (*guide3.host.command_prefix, *catflap_command("health"))
    assert subprocess.run(command, check=False, stdout=sys.stderr).returncode == 0
    assert time.monotonic() - started < TIMEOUT
