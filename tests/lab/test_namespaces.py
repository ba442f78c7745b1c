from __future__ import annotations

import os

import pytest

from catflap.lab.namespaces import Lab, LabError, Namespace


def test_commands_run_inside_by_way_of_ip_netns() -> None:
    assert Namespace("catflap-7-host", "host").command_prefix == ("ip", "netns", "exec", "catflap-7-host")


def test_a_lab_says_that_it_needs_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(LabError, match="only root may: run it as root"), Lab():
        pytest.fail("a lab without root")


def test_a_missing_ip_program_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(LabError, match=r"ip is not installed: install it \(Debian: iproute2\)"):
        Namespace("catflap-7-host", "host").ip("link")
