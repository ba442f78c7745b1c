"""The life of each package on a host: installed, started, upgraded with policy in force under a flood, and removed."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from distribution import project

from catflap.lab.namespaces import Lab

from .conftest import OLD, Built
from .packaged_host import PackagedHost, packaged_host, wait_for_packets
from .root import RootError

pytestmark = pytest.mark.timeout(300)  # the first of them builds
DIRECTORIES = (
    "/usr/lib/catflap /usr/local/lib/catflap /etc/systemd/system /usr/lib/systemd/system /usr/share/man"
)


UNITS = "/usr/lib/systemd/system"


class Form(NamedTuple):
    """How one form is installed, from a directory, and removed; and where its units are."""

    name: str
    install: str
    remove: str
    units: str


FORMS = {
    form.name: form
    for form in (
        Form("deb", "dpkg --install {}/*.deb", "dpkg --remove catflap", UNITS),
        # Debian's database of packages is not RPM's, which knows of no Python here.
        Form("rpm", "rpm --nodeps --upgrade {}/*.rpm", "rpm --erase catflap", UNITS),
        Form(
            "bundle",
            "rm -rf /tmp/b && mkdir /tmp/b && tar -C /tmp/b -xf {}/*-linux-*.tar.gz && /tmp/b/*/install",
            "/usr/local/lib/catflap/uninstall",
            "/etc/systemd/system",
        ),
    )
}


@pytest.fixture(params=FORMS)
def form(request: pytest.FixtureRequest, built: Built) -> Form:
    built.need(request.param)
    return FORMS[request.param]


@pytest.fixture
def host(lab: Lab, built: Built) -> Iterator[PackagedHost]:
    with packaged_host(lab, built.directory) as made:
        yield made


def version(host: PackagedHost) -> str:
    return host.root.run("catflap --version").strip()


def in_force(host: PackagedHost) -> bool:
    return "table inet catflap" in host.network.host.run("nft", "list", "tables")


def test_a_package_is_installed_upgraded_under_a_flood_and_removed(host: PackagedHost, form: Form) -> None:
    host.root.run(form.install.format("/tmp/built/old"))
    assert version(host) == f"catflap {OLD}"
    assert not in_force(host)  # installing changes nothing
    told = host.root.told_systemd()
    assert [line for line in told if "start" in line and "try-restart" not in line] == []
    host.configure()
    unit = f"{form.units}/catflap.service"
    host.start(unit)
    host.hear("WATCHDOG=1")
    with host.flooded() as flood:
        host.root.run(form.install.format("/tmp/built/new"))
        assert version(host) == f"catflap {project.VERSION}"
        assert [line for line in host.root.told_systemd() if "try-restart catflap.service" in line]
        host.stop()  # what systemd does then
        wait_for_packets(flood)
        host.start(unit)
        wait_for_packets(flood)
        host.stop()
        said = host.root.run(form.remove)
        wait_for_packets(flood)
    allowed, denied = flood.counts
    assert (allowed.lost, denied.passed) == (0, 0)
    assert "what was enforced stays in force until the next boot" in said
    assert [line for line in host.root.told_systemd() if re.search("stop|disable --now", line)]
    assert in_force(host)
    with pytest.raises(RootError):
        version(host)
    assert host.root.run(f"find {DIRECTORIES} -name 'catflap*' 2>/dev/null || true") == ""
    assert host.root.run("ls /etc/calico/felix.cfg /var/lib/catflap/rule-set.nft")  # of the administrator


def test_without_a_policy_that_flood_is_let_in(host: PackagedHost) -> None:
    """The test above can fail."""
    with host.flooded() as flood:
        pass
    assert all(count.passed for count in flood.counts)


@pytest.mark.parametrize(
    ("name", "purge"),
    [("deb", "dpkg --purge catflap"), ("bundle", "/usr/local/lib/catflap/uninstall --purge")],
)
def test_purging_ends_what_is_in_force(host: PackagedHost, built: Built, name: str, purge: str) -> None:
    built.need(name)
    host.root.run(FORMS[name].install.format("/tmp/built/new"))
    host.configure()
    host.root.run("catflap agent --once")
    assert in_force(host)
    host.root.run(purge)
    assert not in_force(host)
    assert host.root.run("ls -d /var/lib/catflap /run/catflap 2>/dev/null || true") == ""


def test_a_host_without_a_fitting_python_or_nftables_is_told_what_to_install(
    host: PackagedHost, built: Built
) -> None:
    built.need("deb")
    built.need("bundle")
    host.root.run(FORMS["deb"].install.format("/tmp/built/new"))
    host.root.run("mkdir /tmp/b && tar -C /tmp/b -xf /tmp/built/new/*-linux-*.tar.gz")
    host.root.run("mv /usr/bin/python3.11 /usr/bin/python3.elsewhere")
    for command in ("catflap --version", "/tmp/b/*/install"):
        with pytest.raises(RootError, match=r"needs one of Python 3\.11 as /usr/bin/python3\.N: install it"):
            host.root.run(command)


def test_the_wheel_works_in_an_environment_of_its_own(built: Built, tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-m", "venv", str(tmp_path / "venv")], check=True)
    python = tmp_path / "venv" / "bin" / "python"
    pins = ("--constraint", str(project.ROOT / "requirements.txt"))
    quiet = ("--quiet", "--disable-pip-version-check", "--no-compile")
    subprocess.run([python, "-m", "pip", "install", *quiet, *pins, str(built.wheel)], check=True, timeout=100)
    command = python.with_name("catflap")
    done = subprocess.run([command, "--version"], capture_output=True, text=True, check=True, cwd=tmp_path)
    assert done.stdout == f"catflap {project.VERSION}\n"
    subprocess.run(
        [command, "check", str(project.ROOT / "examples" / "02-webserver")], check=True, cwd=tmp_path
    )
