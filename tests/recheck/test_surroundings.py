from __future__ import annotations

from msgspec.structs import replace

from catflap.host.routes import Route
from catflap.host.sockets import Listener
from catflap.recheck.surroundings import Passage, Question, Surroundings, is_link_local, is_loopback

from .scene import FAR, HERE, INTERFACES, NEAR, THERE, VIP, WEB, ask, surroundings


def test_a_neighbour_comes_by_its_link_whatever_address_it_asks_for() -> None:
    here = surroundings()
    assert here.arriving(NEAR, HERE, HERE) == {"eth0"}
    assert here.arriving(WEB, HERE, HERE) == {"eth1"}
    assert here.leaving(HERE, WEB) == {"eth1"}


def test_from_behind_a_router_the_link_of_the_address_is_possible_too() -> None:
    here = surroundings()
    assert here.arriving(FAR, HERE, HERE) == {"eth0"}
    assert here.arriving(FAR, THERE, THERE) == {"eth0", "eth1"}
    assert here.leaving(THERE, FAR) == {"eth0", "eth1"}


def test_an_address_of_no_link_may_be_reached_by_every_link() -> None:
    assert surroundings().arriving(FAR, VIP, VIP) == {"eth0", "eth1"}
    assert surroundings().leaving(VIP, FAR) == {"eth0"}


def test_every_next_hop_of_a_route_is_possible() -> None:
    assert surroundings().leaving(HERE, "10.9.9.9") == {"eth0", "eth1"}


def test_a_neighbour_of_two_links_may_come_by_either() -> None:
    def two_links(question: Question) -> Route | None:
        return Route((question.leaving or 2,), on_link=True)

    here = Surroundings(INTERFACES, (), two_links)
    assert here.arriving(NEAR, THERE, THERE) == {"eth0", "eth1"}


def test_without_a_route_nobody_knows() -> None:
    assert surroundings().arriving("233.252.0.1", HERE, HERE) == frozenset()
    assert surroundings().leaving(HERE, "233.252.0.1") == frozenset()


def test_link_local_addresses_belong_to_the_link_that_carries_them() -> None:
    assert surroundings().arriving("fe80::9", "fe80::1", "fe80::1") == {"eth0"}
    assert surroundings().leaving("fe80::7", "fe80::9") == frozenset()
    assert is_link_local("fe80::1")
    assert not is_link_local("2001:db8::1")


def test_a_part_of_another_interface_is_not_what_ip_sees() -> None:
    enslaved = {**INTERFACES, "eth0": replace(INTERFACES["eth0"], master=9)}
    assert Surroundings(enslaved, (), ask).arriving(NEAR, HERE, HERE) == frozenset()


def test_forwarded_packets_pass_between_two_links_if_answers_come_back_the_same_way() -> None:
    assert surroundings().passing(WEB, NEAR) == {Passage("eth1", "eth0")}
    assert surroundings().passing(WEB, "233.252.0.1") == frozenset()

    def asymmetric(question: Question) -> Route | None:
        return Route((2,)) if question.arriving == 2 else ask(question)

    assert Surroundings(INTERFACES, (), asymmetric).passing(WEB, NEAR) == frozenset()


def test_each_question_is_asked_once() -> None:
    asked: list[Question] = []

    def count(question: Question) -> Route | None:
        asked.append(question)
        return ask(question)

    here = Surroundings(INTERFACES, (), count)
    for _ in range(3):
        here.arriving(FAR, HERE, HERE)
    assert len(asked) == 1


def test_servers_wait_at_one_address_or_at_all() -> None:
    here = surroundings(Listener(None, 80), Listener(THERE, 443))
    assert here.serves(HERE, 80)
    assert here.serves(THERE, 443)
    assert not here.serves(HERE, 443)
    assert not here.serves(HERE, None)
    assert here.index("eth1") == 3


def test_own_addresses() -> None:
    assert all(map(surroundings().is_here, (HERE, THERE, VIP, "127.8.8.8", "::1")))
    assert not surroundings().is_here(NEAR)
    assert is_loopback("127.0.0.1")
