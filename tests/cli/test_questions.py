from __future__ import annotations

import pytest

from catflap.cli.packets import Draft, PacketError, read_text
from catflap.cli.questions import UNNAMED, Asker, Defaults, Question
from catflap.cli.world import World
from catflap.verdict.packet import ConnectionState, Packet, Path

from .worlds import content, endpoint, workload, world

WEB = endpoint("web1-eth0", "web1", "eth0", "192.0.2.1", "2001:db8::1")
PUBLIC = endpoint("web1-public", "web1", None, "198.51.100.1")
DATABASE = endpoint("db1-eth0", "db1", "eth0", "192.0.2.2")
ONE = world(WEB, PUBLIC)
BOTH = world(WEB, PUBLIC, DATABASE)


def ask(text: str, made: World = ONE, **defaults: object) -> Question:
    return Asker(made, Defaults(**defaults)).question(read_text(text))  # type: ignore[arg-type]  # as tests write them


def test_a_packet_with_everything_is_taken_as_it_is() -> None:
    question = ask(
        "tcp 10.0.0.1:4242 > 10.0.0.2:80",
        host="web1",
        interface="eth9",
        direction=Path.IN,
        state=ConnectionState.INVALID,
    )
    assert question.notes == ()
    assert question.local == "10.0.0.2"
    assert question.packet == Packet(
        path=Path.IN,
        interface="eth9",
        source="10.0.0.1",
        destination="10.0.0.2",
        protocol=6,
        source_port=4242,
        destination_port=80,
        state=ConnectionState.INVALID,
    )


def test_what_the_packet_says_itself_wins() -> None:
    draft = Draft(
        proto=17,
        src="10.0.0.1",
        dst="10.0.0.2",
        sport=1,
        dport=2,
        host="db1",
        interface="a",
        direction=Path.OUT,
    )
    defaults = Defaults(host="web1", interface="b", direction=Path.IN)
    question = Asker(BOTH, defaults).question(draft)
    assert (question.host.name, question.packet.interface, question.packet.path) == ("db1", "a", Path.OUT)
    assert question.local == "10.0.0.1"


@pytest.mark.parametrize(
    ("text", "interface", "path"),
    [
        ("tcp 10.0.0.1:1 > 192.0.2.1:80", "eth0", Path.IN),
        ("tcp [2001:db8::9]:1 > [2001:DB8::1]:80", "eth0", Path.IN),
        ("tcp 192.0.2.1:1 > 10.0.0.1:80", "eth0", Path.OUT),
        ("tcp 10.0.0.1:1 > 198.51.100.1:80", UNNAMED, Path.IN),
    ],
)
def test_host_way_and_interface_are_found_by_the_address(text: str, interface: str, path: Path) -> None:
    question = ask(text)
    assert (question.host.name, question.packet.interface, question.packet.path) == ("web1", interface, path)
    assert [note.split()[0] for note in question.notes[:2]] == ["Host", "Direction"]
    assert len(question.notes) == 3


def test_the_host_may_be_told_by_an_address_that_only_one_has() -> None:
    question = ask("tcp 10.0.0.1:1 > db1-eth0:80", BOTH)
    assert (question.host.name, question.packet.path) == ("db1", Path.IN)
    assert "Host db1: 192.0.2.2 belongs to it." in question.notes


def test_an_address_behind_a_pattern_belongs_to_the_host_too() -> None:
    question = ask(
        "tcp 10.0.0.1:1 > a:80", world(endpoint("a", "web1", "eth*", "192.0.2.1")), interface="eth5"
    )
    assert (question.packet.path, question.packet.interface) == (Path.IN, "eth5")


def test_what_goes_out_elsewhere_is_forwarded() -> None:
    question = ask("tcp 10.0.0.1:1 > 10.0.0.2:80", interface="eth0", out_interface="eth1")
    assert question.packet.path is Path.FORWARD
    assert "Direction forward: it goes out on eth1." in question.notes


def test_the_only_interface_is_meant_where_addresses_are_not_known() -> None:
    question = ask("tcp 10.0.0.1:1 > 10.0.0.2:80", world(endpoint("a", "web1", "eth0")), direction=Path.IN)
    assert question.packet.interface == "eth0"
    assert question.notes[-1] == "Interface eth0: no other one of host web1 is known."


def test_an_interface_of_a_workload_is_found_by_its_address() -> None:
    made = world(WEB, workload())
    assert ask("tcp 10.65.0.2:1 > 192.0.2.1:80", made).packet.interface == "cali1"
    forwarded = ask(
        "tcp 10.65.0.2:1 > 203.0.113.1:80", made, direction=Path.FORWARD, out_interface="eth0"
    ).packet
    assert (forwarded.interface, forwarded.out_interface) == ("cali1", "eth0")


def test_a_forwarded_packet_has_no_address_of_the_host() -> None:
    question = ask(
        "tcp 10.0.0.1:1 > 10.0.0.2:80", direction=Path.FORWARD, interface="eth0", out_interface="eth1"
    )
    assert (question.local, question.packet.out_interface) == (None, "eth1")


def test_a_known_interface_counts_more_than_an_expected_one() -> None:
    made = World(content(WEB, DATABASE), interfaces={"eth5": frozenset({"192.0.2.1"})})
    assert ask("tcp 10.0.0.1:1 > 192.0.2.1:80", made, host="web1").packet.interface == "eth5"


@pytest.mark.parametrize(
    ("text", "source", "destination"),
    [
        ("tcp db1-eth0:1 > web1-eth0:80", "192.0.2.2", "192.0.2.1"),
        ("tcp 2001:db8::9 > web1-eth0:80", "2001:db8::9", "2001:db8::1"),
        ("tcp 10.0.0.1 > web1/web1-eth0:80", "10.0.0.1", "192.0.2.1"),
    ],
)
def test_names_of_endpoints_stand_for_their_addresses(text: str, source: str, destination: str) -> None:
    question = ask(text, BOTH, host="web1")
    assert (question.packet.source, question.packet.destination) == (source, destination)
    assert f"is {destination}." in " ".join(question.notes)


@pytest.mark.parametrize(
    ("text", "sport", "icmp", "note"),
    [
        ("tcp 10.0.0.1 > 192.0.2.1:80", 49152, (None, None), "Source port 49152"),
        ("icmp 10.0.0.1 > 192.0.2.1", None, (8, 0), "ICMP type 8 (echo request)"),
        ("icmpv6 ::1 > 2001:db8::1", None, (128, 0), "ICMP type 128 (echo request)"),
    ],
)
def test_usual_values_are_filled_in_and_noted(
    text: str, sport: int | None, icmp: tuple[int | None, int | None], note: str
) -> None:
    question = ask(text)
    assert question.packet.source_port == sport
    assert (question.packet.icmp_type, question.packet.icmp_code) == icmp
    assert question.notes[-1].startswith(note)


def test_fields_of_other_protocols_do_not_matter() -> None:
    draft = Draft(proto=89, src="10.0.0.1", dst="192.0.2.1", sport=0, dport=0, icmp_type=0, icmp_code=0)
    packet = Asker(ONE, Defaults()).question(draft).packet
    assert (packet.source_port, packet.destination_port, packet.icmp_type) == (None, None, None)


@pytest.mark.parametrize(
    ("text", "defaults", "reason"),
    [
        ("tcp 10.0.0.1 > 10.0.0.2:80", {}, "which host. --host db1 or web1"),
        ("tcp 192.0.2.2 > 192.0.2.1:80", {}, "which host. --host db1 or web1"),
        ("tcp 10.0.0.1 > 192.0.2.1:80", {"direction": Path.FORWARD}, "which host. --host db1 or web1"),
        (
            "tcp 10.0.0.1 > 192.0.2.1:80",
            {"host": "wbe1"},
            "which way. .* No object of the test names the host wbe1. Did you mean 'web1'?",
        ),
        (
            "tcp 10.0.0.1 > 10.0.0.2:80",
            {"host": "web1"},
            "which way. neither end is known to belong to host web1",
        ),
        ("tcp 192.0.2.1 > 198.51.100.1:80", {"host": "web1"}, "which way. both ends belong"),
        (
            "tcp 10.0.0.1 > 10.0.0.2:80",
            {"host": "web1", "direction": Path.IN},
            "which interface of host web1. --interface eth0",
        ),
        (
            "tcp 10.0.0.1 > 10.0.0.2:80",
            {"host": "web1", "direction": Path.FORWARD},
            "needs both --interface and",
        ),
        (
            "tcp 10.0.0.1 > 192.0.2.1",
            {"host": "web1"},
            r"destination port is missing: write tcp … > 192.0.2.1:PORT",
        ),
        ("tcp ::1 > 2001:db8::1", {"host": "web1"}, r"write tcp … > \[2001:db8::1\]:PORT"),
        ("icmp ::1 > 2001:db8::1", {"host": "web1"}, "icmp does not go over IPv6"),
        ("tcp 10.0.0.1 > 2001:db8::1", {"host": "web1"}, "different IP versions"),
        ("tpc 10.0.0.1 > 192.0.2.1", {"host": "web1"}, "'tpc' is not a protocol"),
        ("tcp web1-eth1 > 192.0.2.1:1", {"host": "web1"}, "'web1-eth1' is neither.*Did you mean 'web1-eth0'"),
        ("tcp ::1 > web1-public:80", {"host": "web1"}, "no addresses of the same IP version"),
    ],
)
def test_what_cannot_be_known_is_asked_for(text: str, defaults: dict[str, object], reason: str) -> None:
    with pytest.raises(PacketError, match=reason):
        ask(text, BOTH, **defaults)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("tcp 10.0.0.1 > many:80", "many has several addresses: write 192.0.2.3 or 192.0.2.4"),
        ("tcp 10.0.0.1 > bare:80", "endpoint bare has no expected IPs"),
    ],
)
def test_a_name_must_mean_one_address(text: str, reason: str) -> None:
    made = world(endpoint("many", "web1", None, "192.0.2.3", "192.0.2.4"), endpoint("bare", "web1", "eth1"))
    with pytest.raises(PacketError, match=reason):
        ask(text, made)


def test_a_name_that_several_hosts_have_needs_the_host() -> None:
    stored = content()
    v1 = {
        f"/calico/v1/host/{host}/endpoint/eth0": b'{"name": "eth0", "expected_ipv4_addrs": ["%s"]}' % address
        for host, address in (("web1", b"192.0.2.1"), ("db1", b"192.0.2.2"))
    }
    made = World(type(stored)("the test", {**stored.entries, **v1}))
    with pytest.raises(PacketError, match="several hosts have an endpoint eth0: write db1/eth0 or web1/eth0"):
        ask("tcp 10.0.0.1 > eth0:80", made)
    assert ask("tcp 10.0.0.1 > db1/eth0:80", made, host="db1").packet.destination == "192.0.2.2"


def test_a_long_list_of_hosts_is_cut() -> None:
    made = world(*(endpoint(f"e{number}", f"host-{number}", "eth0") for number in range(10)))
    with pytest.raises(PacketError, match=r"host-0, .*, host-7 or one of 2 more"):
        ask("tcp 10.0.0.1 > 10.0.0.2:80", made)
