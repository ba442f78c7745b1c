from __future__ import annotations

import pytest

from catflap.doctor import Process
from catflap.doctor.agents import agent_findings, calico_agents, catflap_agents


@pytest.mark.parametrize(
    ("command", "ours", "calico"),
    [
        ("/opt/bin/python3 /opt/bin/catflap agent --once", True, False),
        ("python3.11 -I -m catflap agent", True, False),
        ("/usr/bin/python3 -m catflap agent", True, False),
        ("/usr/local/bin/catflap agent", True, False),
        ("/usr/bin/python3 /usr/bin/calico-felix --config-file=/etc/calico/felix.cfg", False, True),
        ("/opt/calico-felix/calico-felix", False, True),
        ("calico-node -felix", False, True),
        ("sudo catflap agent", False, False),
        ("vim catflap agent", False, False),
        ("less /var/log/calico-felix", False, False),
        ("catflap doctor", False, False),
        ("python3", False, False),
        ("", False, False),
    ],
)
def test_who_is_at_work(command: str, ours: bool, calico: bool) -> None:
    processes = [Process(7, tuple(command.split()))]
    assert (bool(catflap_agents(processes)), bool(calico_agents(processes))) == (ours, calico)


def test_one_agent_is_as_it_should_be() -> None:
    assert list(agent_findings([Process(7, ("catflap", "agent"))])) == []


def test_two_agents() -> None:
    (finding,) = agent_findings([Process(7, ("catflap", "agent")), Process(9, ("catflap", "agent"))])
    assert "2 times in this network namespace (processes 7, 9)" in finding.message


def test_an_agent_of_calico() -> None:
    (finding,) = agent_findings([Process(9, ("calico-node", "-felix"))])
    assert finding.object == "process 9"
    assert "--remove-leftovers" in finding.remedy
