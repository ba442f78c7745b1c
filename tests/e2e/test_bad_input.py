"""No content of a store stops the agent, keeps it busy or touches what valid objects say."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import random
import re
import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from catflap.lab.agent import AgentProcess
from catflap.lab.guide import HOSTNAME, document
from catflap.lab.topology import HOST_MANAGEMENT
from catflap.model import V3_ROOT, decode

from .guide_host import HEP, POLICY, READY, GuideHost

Objects = Mapping[str, bytes]

GOOD_ENDPOINT: Final = {"name": "eth0", "labels": {"role": "good"}, "profile_ids": ["good"]}
ANYTHING_OUT: Final = {"outbound_rules": [{"action": "allow"}]}


def allow_only(port: int) -> dict[str, Any]:
    """A policy of the good endpoint that no other policy of its tier comes before."""
    rules = [{"protocol": "tcp", "dst_ports": [port], "action": "allow"}, {"action": "deny"}]
    return {"selector": 'role == "good"', "order": -1e100, "inbound_rules": rules, **ANYTHING_OUT}


def rule(**fields: Any) -> dict[str, Any]:
    return {"selector": "all()", "inbound_rules": [{"action": "allow", **fields}]}


CRASH_INPUTS: Final[Mapping[str, Any]] = {
    f"{HEP}/bad-ip-last": {"name": "eth1", "expected_ipv4_addrs": ["10.0.0.1", "nonsense"]},
    f"{HEP}/bad-ip-first": {"name": "eth1", "expected_ipv4_addrs": ["nonsense", "10.0.0.1"]},
    f"{HEP}/empty-ip": {"expected_ipv6_addrs": [""]},
    f"{HEP}/profiles-null": {"name": "eth1", "profile_ids": None},
    f"{HEP}/profiles-number": {"name": "eth1", "profile_ids": 7},
    f"{HEP}/a-list": [],
    f"{HEP}/labels-list": {"name": "eth1", "labels": ["a"]},
    f"{POLICY}/selector-null": {"selector": None},
    f"{POLICY}/selector-list": {"selector": ["all()"]},
    f"{POLICY}/selector-broken": {"selector": "a == "},
    f"{POLICY}/order-text": {"selector": "all()", "order": "first"},
    f"{POLICY}/null": None,
    f"{POLICY}/rules-object": {"selector": "all()", "inbound_rules": {}},
    f"{POLICY}/rule-text": {"selector": "all()", "inbound_rules": ["allow"]},
    f"{POLICY}/src-selector": rule(src_selector=7),
    f"{POLICY}/dst-selector": rule(dst_selector=["all()"]),
    f"{POLICY}/src-tag": rule(src_tag=7),
    f"{POLICY}/dst-tag": rule(**{"!dst_tag": {}}),
    f"{POLICY}/action": rule(action=["allow"]),
    f"{POLICY}/action-object": rule(action={}),
    f"{POLICY}/protocol": rule(protocol=["tcp"]),
    f"{POLICY}/protocol-object": rule(protocol={"tcp": 1}),
    f"{POLICY}/ports": rule(protocol="tcp", dst_ports=["1:70000"]),
    f"{POLICY}/port-huge": rule(protocol="tcp", dst_ports=[10**400]),
    f"{POLICY}/net": rule(src_net="10.0.0.0/33"),
    f"{POLICY}/icmp": rule(protocol="icmp", icmp_type=999),
    f"/calico/v1/host/{HOSTNAME}/workload/o/w/endpoint/e": {"ipv4_nat": ["x"]},
    "/calico/v1/policy/tier/broken/metadata": [],
    "/calico/v1/policy/tier/order/metadata": {"order": {}},
    "/calico/v1/policy/profile/good/tags": {"a": 1},
    "/calico/v1/policy/profile/good/labels": {"a": None},
    "/calico/v1/policy/profile/broken/rules": None,
}
NOT_JSON: Final = ("", "{", "nul", "{'name': 'eth1'}", "[" * 100_000, '{"name": "eth1"}}', "\ufeff{}", "NaN")
NOT_OURS: Final[Mapping[str, Any]] = {  # other software's, or nobody's: ignored without a warning
    f"/calico/v1/host/{HOSTNAME}/bird_ip": "",
    "/calico/v1/ipam/v4/pool/10.0.0.0-8": {"cidr": 7},
    "/calico/v1/policy/tier/default/policy/a/b/c": "x",
    "/calico/v1/x": "\x1b[31m\n2015-10-20 17:42:09,813 [ERROR] forged",
}
CRASH_INPUTS_V3: Final[Mapping[str, Any]] = {
    f"{V3_ROOT}hostendpoints/bad": document("HostEndpoint", "bad", node=HOSTNAME, expectedIPs=["x"]),
    f"{V3_ROOT}hostendpoints/null": None,
    f"{V3_ROOT}globalnetworkpolicies/bad": document("GlobalNetworkPolicy", "bad", selector=7, ingress={}),
    f"{V3_ROOT}globalnetworkpolicies/other": document("Tier", "other"),
    f"{V3_ROOT}tiers/bad": document("Tier", "bad", order="1", defaultAction="Allow"),
    f"{V3_ROOT}profiles/bad": {"spec": []},
    f"{V3_ROOT}felixconfigurations/default": {"spec": "x"},
    f"{V3_ROOT}workloadendpoints/default/bad": {"spec": {"ipNATs": [7], "mac": {}}},
    f"{V3_ROOT}networkpolicies/default/bad": {"spec": {"preDNAT": True}},
    f"{V3_ROOT}globalnetworksets/bad": {"spec": {"nets": ["0.0.0.0/33", None]}},
    f"{V3_ROOT}nodes/{HOSTNAME}": {"metadata": {"labels": {"a": 1}}},
}
SOUND: Final[Mapping[str, Any]] = {  # what is mutated; none of these may concern the good endpoint
    f"{HEP}/%": {
        "name": "eth9",
        "expected_ipv4_addrs": ["10.0.0.1"],
        "expected_ipv6_addrs": ["2001:db8::1"],
        "labels": {"role": "fuzz"},
        "profile_ids": ["p"],
    },
    f"{POLICY}/%": {
        "selector": 'role == "fuzz" && has(x)',
        "order": 7,
        "types": ["ingress"],
        "inbound_rules": [
            {"action": "deny", "protocol": "tcp", "src_net": "10.0.0.0/8", "dst_ports": [80, "90:99"]},
            {"action": "allow", "protocol": "icmp", "icmp_type": 8, "src_selector": "a in {'b', 'c'}"},
        ],
        "outbound_rules": [{"action": "log", "!dst_tag": "t"}],
    },
    f"/calico/v1/host/{HOSTNAME}/workload/o/%/endpoint/e": {
        "state": "active",
        "name": "cali9",
        "mac": "02:00:00:00:00:09",
        "ipv4_nets": ["10.65.0.9/32"],
        "ipv6_gateway": "fe80::1",
        "profile_ids": ["p"],
    },
    "/calico/v1/policy/tier/%/metadata": {"order": 3},
    "/calico/v1/policy/profile/%/rules": {"inbound_rules": [{"protocol": 6, "src_tag": "t"}], **ANYTHING_OUT},
    "/calico/v1/policy/profile/%/tags": ["a", "b"],
    "/calico/v1/policy/profile/%/labels": {"a": "b"},
    "/calico/v1/config/%": "x",
    f"/calico/v1/host/{HOSTNAME}/config/%": "x",
}
SOUND_V3: Final[Mapping[str, Any]] = {
    f"{V3_ROOT}hostendpoints/%": document("HostEndpoint", "%", node=HOSTNAME, interfaceName="eth9"),
    f"{V3_ROOT}globalnetworkpolicies/%": document(
        "GlobalNetworkPolicy",
        "%",
        order=7,
        selector="role == 'fuzz'",
        ingress=[{"action": "Deny", "protocol": "TCP", "source": {"nets": ["10.0.0.0/8"], "ports": ["1:9"]}}],
    ),
    f"{V3_ROOT}tiers/%": document("Tier", "%", order=5),
    f"{V3_ROOT}globalnetworksets/%": document("GlobalNetworkSet", "%", nets=["10.0.0.0/8"]),
    f"{V3_ROOT}nodes/%": document("Node", "%", interfaces=[{"name": "eth0", "addresses": ["10.0.0.1"]}]),
    f"{V3_ROOT}profiles/%": document("Profile", "%", labelsToApply={"a": "b"}, egress=[{"action": "Allow"}]),
}
STRANGE: Final[tuple[Any, ...]] = (
    *(
        None,
        True,
        -1,
        0,
        1e308,
        10**30,
        65536,
        "",
        "*",
        "\x00",
        "\n",
        "\x1b[2J",
        "\u2028",
        "é" * 300,
        "%s{0}",
    ),
    *([], {}, [[]], [None], {"": ""}, {"a": {"b": {}}}, ["x"] * 60, "0.0.0.0/0", "::/0", "allow", "all("),
)


def written(objects: Mapping[str, Any]) -> dict[str, bytes]:
    return {
        path: (value if isinstance(value, str) else json.dumps(value)).encode()
        for path, value in objects.items()
    }


def subjects(objects: Objects) -> Counter[str]:
    """What the log has to name, and how often, as the objects are decoded one by one."""
    problems = [problem for path, value in objects.items() for problem in decode(path, value).problems]
    return Counter(problem.subject for problem in problems)


def complaints(agent: AgentProcess) -> Counter[str]:
    return Counter(re.findall(r"Validation failed for (.*?), treating as missing: ", agent.log()))


def assert_single_lines(log: str) -> None:
    """Every line is whole and printable: no value has put anything into the log but harmless text."""
    for line in log.removesuffix("\n").split("\n"):
        assert re.match(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} \[(INFO|WARNING)\]\[\d+/", line), line[:500]
        assert line.isprintable(), line[:500]


def processor_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def assert_idle(agent: AgentProcess) -> None:
    before = processor_seconds(agent.pid)
    await asyncio.sleep(1)
    assert processor_seconds(agent.pid) - before < 0.1


def wait_for_complaints(agent: AgentProcess, number: int) -> None:
    deadline = time.monotonic() + 20
    while complaints(agent).total() < number and time.monotonic() < deadline:
        time.sleep(0.02)


async def assert_only_80_then_only_443(guide: GuideHost, agent: AgentProcess) -> None:
    """The good policy holds, and can still be changed."""
    await asyncio.gather(
        guide.expect(guide.network.mgmt, HOST_MANAGEMENT, "tcp", 80, v4=True, v6=True),
        guide.expect(guide.network.mgmt, HOST_MANAGEMENT, "tcp", 443, v4=False, v6=False),
    )
    guide.enforced(agent, lambda: guide.put(f"{POLICY}/a-good", allow_only(443)))
    await asyncio.gather(
        guide.expect(guide.network.mgmt, HOST_MANAGEMENT, "tcp", 80, v4=False, v6=False),
        guide.expect(guide.network.mgmt, HOST_MANAGEMENT, "tcp", 443, v4=True, v6=True),
    )


@pytest.fixture
def good(guide: GuideHost, agent: AgentProcess) -> AgentProcess:
    """An agent that polices eth0 by one good endpoint and one good policy."""
    guide.put(f"{POLICY}/a-good", allow_only(80))
    guide.enforced(agent, lambda: guide.put(f"{HEP}/a-good", GOOD_ENDPOINT))
    agent.mark()
    return agent


async def test_input_that_crashed_the_old_system_is_reported_once_and_changes_nothing(
    guide: GuideHost, good: AgentProcess
) -> None:
    broken = {f"{kind}/not-json-{n}": text for kind in (HEP, POLICY) for n, text in enumerate(NOT_JSON)}
    bad = written({**CRASH_INPUTS, **broken, **(CRASH_INPUTS_V3 if guide.api == 3 else {})})
    assert set(subjects(bad).values()) == {1}
    assert subjects(bad).total() == len(bad), "an input is valid"
    guide.write({**bad, **written(NOT_OURS)})
    wait_for_complaints(good, len(bad))
    await assert_idle(good)
    assert complaints(good) == subjects(bad)
    assert_single_lines(good.log())
    await assert_only_80_then_only_443(guide, good)


NAMES: Final = (
    "fuzz-%",
    "fu zz%",
    "f\nuzz%",
    "é%",
    "\x1b[31m%",
    "%..",
    f"{'x' * 300}%",
    '"%',
    "\u2028%",
    "\\%",
)


def mutated(value: Any, dice: random.Random) -> Any:
    """The value with one part replaced, removed or doubled."""
    if isinstance(value, dict) and value and dice.random() < 0.85:
        key = dice.choice(list(value))
        changed = {**value, key: mutated(value[key], dice)}
        return {name: part for name, part in changed.items() if name != key or dice.random() < 0.9}
    if isinstance(value, list) and value and dice.random() < 0.85:
        place = dice.randrange(len(value))
        return [*value[:place], mutated(value[place], dice), *value[place:]]
    return dice.choice(STRANGE)


def garbled(value: Any, dice: random.Random) -> bytes:
    """The value as JSON with a part replaced, or its bytes with a few of them changed."""
    if dice.random() < 0.6:
        return json.dumps(mutated(value, dice)).encode()
    data = bytearray(json.dumps(value).encode())
    for _ in range(dice.randint(1, 4)):
        data[dice.randrange(len(data))] = dice.randrange(256)
    return bytes(data[: dice.choice([len(data), len(data) // 2])])


def garbage(api: int, count: int) -> dict[str, bytes]:
    dice = random.Random(20151020)  # repeatable is what it shall be
    sound = [*SOUND.items(), *(SOUND_V3.items() if api == 3 else ())]
    objects = {}
    for number in range(count):
        path, value = dice.choice(sound)
        name = dice.choice(NAMES).replace("%", str(number))
        text = json.dumps(value).replace("%", json.dumps(name)[1:-1])
        objects[path.replace("%", name)] = garbled(json.loads(text), dice)
    if api == 2:  # its answers are JSON: what is no text does not survive
        return {path: value.decode(errors="replace").encode() for path, value in objects.items()}
    return objects


async def test_garbage_is_reported_once_and_changes_nothing(guide: GuideHost, good: AgentProcess) -> None:
    objects = garbage(guide.api, 400)
    expected = subjects(objects)
    assert 150 < expected.total() < 390
    guide.write(objects)
    wait_for_complaints(good, expected.total())
    await assert_idle(good)
    assert complaints(good) == expected
    assert_single_lines(good.log())
    await assert_only_80_then_only_443(guide, good)


async def test_a_ready_flag_that_is_garbage_holds_changes_back_and_loosens_nothing(
    guide: GuideHost, good: AgentProcess
) -> None:
    guide.write({READY: b"tr\x00ue\n"})
    good.wait_for("status changed to wait-for-ready")
    await guide.expect(guide.network.mgmt, HOST_MANAGEMENT, "tcp", 443, v4=False, v6=False)
    assert_single_lines(good.log())


YAML_BOMB: Final = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{name}: &{name} [{', '.join([f'*{before}'] * 9)}]\n"
    for before, name in itertools.pairwise("abcdefghij")
)
BAD_FILES: Final[Mapping[str, bytes]] = {
    "unclosed.yaml": b"kind: [",
    "tabs.yml": b"a:\n\t- b",
    "binary.yaml": bytes(range(256)),
    "no-text.yaml": b"\xff\xfe\xfd",
    "huge.yaml": b"a: " + b"x" * (5 << 20),
    "deep.yaml": b"[" * 100_000,
    "deep.json": b"[" * 100_000,
    "bomb.yaml": YAML_BOMB.encode(),
    "tag.yaml": b"!!python/object/apply:os.system [exit 1]",
    "text.yaml": b"hello",
    "list.yaml": b"[1, 2]",
    "strange-kind.yaml": b"{apiVersion: projectcalico.org/v3, kind: Cat, metadata: {name: tom}}",
    "no-name.yaml": b"{apiVersion: projectcalico.org/v3, kind: Tier, metadata: {}}",
    "twice.yaml": b"a: 1\na: 2",
    "half.json": b'{"kind":',
    "empty.json": b"",
    "empty.yaml": b"",  # as a file is that somebody has begun to write
    "\n\x1b[31m.yaml": b"{",
}
HARMLESS_FILES: Final[Mapping[str, bytes]] = {
    "comment.yaml": b"# nothing\n---\n---\n",
    "notes.txt": b"{",
    ".hidden.yaml": b"{",
    "services.yaml~": b"{",
}


def fill(directory: Path) -> None:
    for name, data in {**BAD_FILES, **HARMLESS_FILES}.items():
        (directory / name).write_bytes(data)
    (directory / "folder.yaml").mkdir()
    (directory / "dangling.yaml").symlink_to("nowhere")
    (directory / "circle.yaml").symlink_to(".")
    (directory / "device.yaml").symlink_to("/dev/zero")
    os.mkfifo(directory / "pipe.yaml")


async def test_files_that_nobody_can_read_are_reported_once_and_change_nothing(
    guide3: GuideHost, tmp_path: Path
) -> None:
    directory, prepared = tmp_path / "policy", tmp_path / "prepared"
    good = [
        document("HostEndpoint", "good", node=HOSTNAME, interfaceName="eth0"),
        document("GlobalNetworkPolicy", "good", ingress=[{"action": "Allow", "protocol": "TCP"}]),
    ]
    directory.mkdir()
    (directory / "good.yaml").write_text(yaml.safe_dump_all(good))
    environment = guide3.environment(DatastoreType="directory", DatastorePath=str(directory))
    agent = guide3.start_agent(environment)
    agent.wait_for("Enforcing on eth0")
    agent.mark()
    prepared.mkdir()
    fill(prepared)
    prepared.rename(directory / "more")
    bad = {*BAD_FILES, "dangling.yaml", "device.yaml", "folder.yaml", "pipe.yaml"}
    wait_for_complaints(agent, len(bad))
    (directory / "another.yaml").write_text(yaml.safe_dump(document("Tier", "another")))
    await assert_idle(agent)
    named = {name: agent.log().count(f"file {directory}/more/{shown(name)}, treating") for name in bad}
    assert named == dict.fromkeys(bad, 1)
    assert complaints(agent).total() == len(bad)
    assert_single_lines(agent.log())
    await guide3.expect(guide3.network.mgmt, HOST_MANAGEMENT, "tcp", 80, v4=True, v6=True)
    await guide3.expect(guide3.network.mgmt, HOST_MANAGEMENT, "icmp", v4=False, v6=False)
    (directory / "good.yaml").write_text(yaml.safe_dump(good[0]))
    agent.wait_for("Enforcing on eth0: 0 policies")


def shown(name: str) -> str:
    return name.encode("unicode_escape").decode()
