"""The house's rules about files: a test file for each source file, at the same place, and none of them long."""

from __future__ import annotations

from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SOURCE, TESTS = ROOT / "src" / "catflap", ROOT / "tests"
LONGEST = 400  # lines

# Without a test file of their own, and why.
ELSEWHERE = {
    "__main__.py": "runs the command, as every end-to-end test does",
    "doctor/port.py": "types only",
    "host/api.py": "types only",
    "host/conntrack.py": "needs a kernel: e2e/test_netlink.py",
    "host/links.py": "needs a kernel: e2e/test_links.py",
    "lab/flood.py": "needs namespaces: e2e/test_lab_flood.py",
    "host/routes.py": "needs a kernel: e2e/test_netlink.py",
    "host/sockets.py": "needs a kernel: e2e/test_netlink.py",
    "lab/flows.py": "needs namespaces: e2e/test_lab_flows.py",
    "lab/listeners.py": "needs namespaces: e2e/test_lab_listeners.py",
    "lab/stream.py": "needs namespaces: e2e/test_lab_stream.py",
    "model/target.py": "types only",
    "nft/kernel_content.py": "needs a kernel: e2e/test_nft_kernel.py holds the fake to it",
    "nft/nfsocket.py": "needs a kernel: e2e/test_nft_nfsocket.py",
    "nft/port.py": "types only",
    "nft/watcher.py": "needs a kernel: e2e/test_self_repair.py",
    "policy/host_policy.py": "types only",
    "recheck/process.py": "needs a kernel: e2e/test_recheck.py",
    "store/directory/follower.py": "seen through store/directory/test_store.py",
}


def sources() -> list[str]:
    return sorted(
        str(path.relative_to(SOURCE))
        for path in SOURCE.rglob("*.py")
        if path.name != "__init__.py" and not path.name.endswith("_pb2.py")
    )


def mirror(source: str) -> Path:
    return TESTS / Path(source).parent / f"test_{Path(source).name}"


@pytest.mark.parametrize("source", sources())
def test_every_source_file_has_its_test_file(source: str) -> None:
    assert mirror(source).exists() != (source in ELSEWHERE)


def test_no_reason_is_left_of_a_file_that_is_gone() -> None:
    assert ELSEWHERE.keys() <= set(sources())


@pytest.mark.parametrize("source", sources())
def test_files_are_short(source: str) -> None:
    assert len((SOURCE / source).read_text(encoding="utf-8").splitlines()) < LONGEST
