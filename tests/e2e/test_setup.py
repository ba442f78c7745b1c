"""Installing, and what the repository must not hold."""

from __future__ import annotations

import re
import subprocess
import time
from ipaddress import ip_address
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SETUP = ROOT / "scripts" / "setup"
HOST_OF_URL = re.compile(r"https?://(?:[^\s/@]*@)?(\[[0-9A-Fa-f:.]+\]|[\w.-]+)")
NAMESPACES = {"www.w3.org", "json-schema.org"}  # of XML and JSON Schema: identifiers that nobody fetches
# Not these very letters: this file is searched, too.
CHECKOUTS = re.compile(
    "|".join(f"(?<![\\w.}}]){folder}/" for folder in ("/work", "/root", "/home", "/Users"))
)


def run_setup() -> tuple[str, float]:
    """Run it; what it printed and how many seconds it took."""
    started = time.monotonic()
    done = subprocess.run([SETUP], capture_output=True, text=True, check=True)
    return done.stdout + done.stderr, time.monotonic() - started


def test_a_second_run_installs_nothing_and_is_quick() -> None:
    run_setup()  # where these tests run it has been run before; here its files may have changed since
    before = stamps()
    printed, seconds = run_setup()
    assert printed == ""
    assert stamps() == before
    assert seconds < 2


def stamps() -> dict[str, int]:
    """What setup leaves to know that it is done, and when; and when packages came or went."""
    environment = ROOT / ".venv"
    paths = [*environment.glob(".installed-*"), *environment.glob("lib/*/site-packages")]
    return {path.name: path.stat().st_mtime_ns for path in paths}


def test_an_ordinary_user_is_told_in_one_line_what_it_needs_and_why() -> None:
    # Read from stdin: that user may not be allowed to look into the directory where this checkout is.
    nobody = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", "sh", "-s"]
    with SETUP.open() as script:
        done = subprocess.run(nobody, stdin=script, capture_output=True, text=True, check=False, cwd="/")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        "catflap setup: needs root, to install Debian packages and to create network namespaces:"
        " run it as root, for example with sudo\n"
    )


@pytest.mark.parametrize("python", ["/nowhere/python3", "/bin/false"])
def test_a_missing_or_old_python_is_named(python: str) -> None:
    done = subprocess.run(
        [SETUP], capture_output=True, text=True, check=False, env={"PATH": "/usr/bin:/bin", "PYTHON": python}
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert re.fullmatch(
        rf"catflap setup: needs Python 3\.11 or newer as '{python}': install it, or .*\n", done.stderr
    )


def tracked_files() -> dict[str, str]:
    """All text that is or will be in the repository."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\0")
    paths = [ROOT / name for name in listed if name and (ROOT / name).is_file()]
    return {str(path.relative_to(ROOT)): path.read_text(errors="replace") for path in paths}


def is_harmless(host: str) -> bool:
    """Whether nothing can be loaded from there: an address, this machine, an example, an XML namespace."""
    try:
        ip_address(host.strip("[]"))
    except ValueError:
        return "." not in host or host.endswith((".example", ".test", ".invalid")) or host in NAMESPACES
    return True


def test_no_file_holds_a_download_address() -> None:
    found = {
        (name, host)
        for name, text in tracked_files().items()
        if name != "LICENSE"  # the licence's own text
        for host in HOST_OF_URL.findall(text)
        if not is_harmless(host)
    }
    assert found == set()


def test_no_file_holds_the_path_of_a_checkout() -> None:
    found = {
        (name, match[0])
        for name, text in tracked_files().items()
        for match in [*CHECKOUTS.finditer(text), *re.finditer(re.escape(f"{ROOT}/"), text)]
    }
    assert found == set()


@pytest.mark.parametrize("host", ["pypi.org", "deb.debian.org"])
def test_that_search_can_find_something(host: str) -> None:
    (found,) = HOST_OF_URL.findall(f"curl https://user@{host}/simple")
    assert found == host
    assert not is_harmless(found)
