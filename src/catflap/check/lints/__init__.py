"""The table of lints: each a small function that knows one mistake, with a stable code.

A lint may be silent where it is not sure, and must not be loud where it is wrong. Each code has its place, with an
example and a remedy, in ``docs/reference/checks.md``.
"""

from __future__ import annotations

from collections.abc import Iterator

from catflap.check.finding import Finding, Severity
from catflap.check.inventory import Inventory
from catflap.check.lints import configuration, endpoints, policies, rules, selectors
from catflap.check.lints.lint import Lint

LINTS = (
    Lint("selector-matches-nothing", selectors.matches_nothing),
    Lint("label-near-miss", selectors.near_misses),
    Lint("endpoint-without-addresses", selectors.selected_without_addresses),
    Lint("missing-tier", policies.missing_tier),
    Lint("staged-policy", policies.staged),
    Lint("policy-without-types", policies.without_types),
    Lint("direction-without-rules", policies.direction_without_rules),
    Lint("rules-without-type", policies.rules_without_type),
    Lint("untracked-one-way", policies.untracked_one_way),
    Lint("log-only", rules.log_only),
    Lint("wide-open", rules.wide_open),
    Lint("rule-never-matches", rules.never_matches),
    Lint("rule-shadowed", rules.shadowed),
    Lint("missing-profile", endpoints.missing_profile),
    Lint("conflicting-labels", endpoints.conflicting_labels),
    Lint("interface-claimed-twice", endpoints.interface_claimed_twice),
    Lint("bad-parameter", configuration.bad_values, Severity.ERROR),
    Lint("parameter-without-effect", configuration.without_effect),
    Lint("failsafe-without-ssh", configuration.failsafe_without_ssh),
    Lint("failsafe-without-etcd", configuration.failsafe_without_etcd),
)


def lint(inventory: Inventory) -> Iterator[Finding]:
    """What all lints find."""
    for each in LINTS:
        for remark in each.find(inventory):
            yield remark.source.finding(each.severity, each.code, remark.message, remark.field)
