"""Runs policy tests: sends their packets through the evaluator, and compares what comes with what was promised."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from catflap.check.inventory import Inventory
from catflap.check.policytest.document import End, PolicyTest, SelectorEnd
from catflap.check.policytest.ends import Resolver, Station, UnresolvedError
from catflap.check.policytest.hosts import Hosts
from catflap.check.policytest.legs import Headers, Leg, legs
from catflap.check.policytest.words import by_text, explain_command, title_of
from catflap.model.resources import ICMP_VERSIONS, ip_version_of
from catflap.verdict.result import Outcome, Verdict


class _Judged(msgspec.Struct, frozen=True):
    """One leg and its verdict."""

    leg: Leg
    verdict: Verdict


class Failure(msgspec.Struct, frozen=True):
    """One packet that did not fare as promised. ``explain`` is a command that shows why, where there is one."""

    text: str
    explain: str = ""


class Result(msgspec.Struct, frozen=True):
    """What became of a test: it has passed if there is no failure. ``packets`` is how many were judged."""

    test: PolicyTest
    packets: int
    failures: tuple[Failure, ...]

    @property
    def passed(self) -> bool:
        """Whether everything was as promised."""
        return not self.failures

    @property
    def title(self) -> str:
        """Its name, or else what it is about."""
        return self.test.name or title_of(self.test)


class Runner:
    """Runs tests against the resources of some files."""

    def __init__(self, inventory: Inventory) -> None:
        self._hosts = Hosts(inventory.resources())
        self._resolver = Resolver(inventory, self._hosts)
        self._packets = 0

    def run(self, test: PolicyTest) -> Result:
        """Run one test."""
        self._packets = 0
        try:
            failures = self._run(test)
        except UnresolvedError as error:
            failures = [Failure(str(error))]
        return Result(test, self._packets, tuple(failures))

    def _run(self, test: PolicyTest) -> list[Failure]:
        """The failures; where any member is enough, none if one of them has none."""
        origins, targets = self._stations(test.origin, "from"), self._stations(test.target, "to")
        by_origin = []
        for origin in origins:
            # A member of both selectors does not talk to itself by its interface.
            others = [target for target in targets if target.key is None or target != origin]
            if others:
                found = [self._pair(test, origin, target) for target in others]
                by_origin.append(_quantify(test.target, found))
        if not by_origin:
            raise UnresolvedError("both ends are the same endpoint, and no packet goes from one to the other")
        return _quantify(test.origin, by_origin)

    def _stations(self, end: End, name: str) -> list[Station]:
        try:
            return self._resolver.stations(end)
        except UnresolvedError as error:
            raise UnresolvedError(f"{name}: {error}") from None

    def _pair(self, test: PolicyTest, origin: Station, target: Station) -> list[Failure]:
        """What fails between two stations, over all their addresses and all ports."""
        failures = []
        pairs = list(_address_pairs(test, origin, target))
        if not pairs:
            raise UnresolvedError(
                f"{origin.title} and {target.title} have no addresses of the same IP version"
            )
        for source, destination in pairs:
            for port in test.ports:
                headers = Headers(test, source, destination, port)
                on_the_way = legs(origin, target, headers)
                if not on_the_way:
                    raise UnresolvedError(self._nobody_looks(origin, target))
                self._packets += 1
                failures.extend(self._packet(headers, on_the_way))
        return failures

    def _packet(self, headers: Headers, on_the_way: list[Leg]) -> list[Failure]:
        """A packet is allowed if every host on its way allows it."""
        test = headers.test
        judged = [_Judged(leg, self._hosts.judge(leg.host, leg.packet)) for leg in on_the_way]
        denied = [each for each in judged if each.verdict.outcome is Outcome.DENY]
        outcome = Outcome.DENY if denied else Outcome.ALLOW
        deciding = denied or judged
        if outcome is not test.expect:
            expected = test.expect.value
        elif test.by is not None and not any(_is_by(each.verdict, test.by) for each in deciding):
            expected = f"{test.expect.value} by {test.by}"
        else:
            return []
        came = " and ".join(f"{by_text(each.verdict)} at {each.leg.host}" for each in deciding)
        text = f"{on_the_way[0].packet}: expected {expected}, got {outcome.value} by {came}"
        return [Failure(text, explain_command(deciding[0].leg))]

    def _nobody_looks(self, origin: Station, target: Station) -> str:
        hints = [self._resolver.having(each.addresses[0]) for each in (origin, target) if each.host is None]
        return f"no policy is looked at: neither end, or not that of the direction, is an endpoint.{''.join(hints)}"


def _quantify(end: End, found: list[list[Failure]]) -> list[Failure]:
    """The failures of all members; with ``any`` none if one member has none."""
    if isinstance(end, SelectorEnd) and end.any and any(not failures for failures in found):
        return []
    return [failure for failures in found for failure in failures]


def _address_pairs(test: PolicyTest, origin: Station, target: Station) -> Iterator[tuple[str, str]]:
    version = ICMP_VERSIONS.get(test.protocol)
    for source in origin.addresses:
        if version in (None, ip_version_of(source)):
            for destination in target.addresses:
                if ip_version_of(source) == ip_version_of(destination):
                    yield source, destination


def _is_by(verdict: Verdict, by: str) -> bool:
    return by in (verdict.policy, f"{verdict.policy}#{verdict.rule}", verdict.reason.value)
