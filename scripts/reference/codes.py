"""The pages of stable words: reason codes of verdicts, codes of findings."""

from __future__ import annotations

import re
from typing import Final

from scripts.reference.tables import code, page, table

from catflap.check.lints import LINTS
from catflap.verdict.result import Reason

_MEANING: Final = {
    Reason.POLICY_ALLOW: ("allow", "A rule of a policy allows it."),
    Reason.POLICY_DENY: ("deny", "A rule of a policy denies or rejects it."),
    Reason.TIER_DEFAULT_DENY: (
        "deny",
        "Policies of a tier are for the endpoint, and none decides: the tier denies.",
    ),
    Reason.PROFILE_ALLOW: ("allow", "No tier decides; a rule of a profile allows it."),
    Reason.PROFILE_DENY: ("deny", "No tier decides; a rule of a profile denies it."),
    Reason.MISSING_PROFILE_DENY: ("deny", "No tier decides; a profile of the endpoint does not exist."),
    Reason.NO_MATCH_DENY: ("deny", "Neither tiers nor profiles decide: what nothing allows is denied."),
    Reason.FAILSAFE_ALLOW: ("allow", "A failsafe port, which stays open whatever policy says."),
    Reason.ESSENTIAL_ICMPV6: ("allow", "ICMPv6 without which IPv6 does not work."),
    Reason.ESTABLISHED: ("allow", "It belongs to a connection that exists."),
    Reason.INVALID: ("deny", "Connection tracking calls it invalid."),
    Reason.NO_ENDPOINT: ("allow", "No endpoint covers the interface: it is left alone."),
    Reason.NO_FORWARD_POLICY: ("allow", "It is forwarded, and no policy governs forwarded packets here."),
    Reason.UNKNOWN_WORKLOAD: ("deny", "The interface is a workload's, and no endpoint is known for it."),
    Reason.SPOOFED_SOURCE: ("deny", "A workload sends from an address that is not its own."),
    Reason.WORKLOAD_SERVICE: ("allow", "DHCP, DNS or essential ICMPv6 of a workload."),
    Reason.WORKLOAD_TO_HOST_DENY: (
        "deny",
        "From a workload to the host: DefaultEndpointToHostAction denies it.",
    ),
    Reason.HOST_TO_WORKLOAD: ("allow", "From the host to a workload of its own."),
    Reason.ALL_TIERS_PASSED: ("allow", "It is forwarded, and every tier passes it on."),
}
_REASONS: Final = """
`catflap explain` and policy tests (`by`) name who decided about a packet by one of these words. They are stable: programs may rely on them.
What each of them follows from stands, sentence by sentence, in [the reference of policy](policy.md).
"""
_LINTS: Final = """
The stable codes of the findings of `catflap check`, of which `--ignore CODE` leaves warnings out.
[What check finds](checks.md) has an example of each, and what to do about it.
"""
_HEADING: Final = re.compile(r"^### (?P<code>[a-z0-9-]+)\n\n(?P<about>.+?)\n\n", re.MULTILINE | re.DOTALL)


def reason_page() -> str:
    """The page of reason codes."""
    rows = [(code(each.value), *_MEANING[each]) for each in Reason]
    return page("Reason codes", _REASONS, table(("code", "verdict", "why"), rows))


def lint_page(checks: str) -> str:
    """The page of codes of findings, with the first sentence of the page that explains them."""
    severities = {"kind-without-effect": "warning", **{each.code: str(each.severity) for each in LINTS}}
    rows = [
        (
            f"[`{found['code']}`](checks.md#{found['code']})",
            severities.get(found["code"], "error"),
            _first(found["about"]),
        )
        for found in _HEADING.finditer(checks)
    ]
    return page("Lint codes", _LINTS, table(("code", "severity", "finds"), rows))


def _first(about: str) -> str:
    """The first sentence."""
    return re.split(r"(?<=\.)\s", " ".join(about.split()))[0]
