"""What kind of policy one is, and what cannot stand in it: the same rules in both wire encodings.

Packets meet policy of the kind doNotTrack before connection tracking, and such of the kind preDNAT before their
destinations are translated. Neither place suits every rule; what could not be enforced there is refused, with the
encoding's own names of the fields.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from catflap.model.resources import BOTH_DIRECTIONS, Action, Direction, Policy, PolicyKind

_INGRESS_ONLY = frozenset({Direction.INGRESS})


class KindFlags(msgspec.Struct, frozen=True):
    """What a policy says of its kind; None where it says nothing."""

    untracked: bool | None = None
    pre_dnat: bool | None = None
    apply_on_forward: bool | None = None

    @property
    def kind(self) -> PolicyKind:
        """The kind."""
        if self.untracked:
            return PolicyKind.UNTRACKED
        return PolicyKind.PRE_DNAT if self.pre_dnat else PolicyKind.NORMAL

    @property
    def governs_forwarded(self) -> bool:
        """Whether the policy holds for forwarded traffic, as policy that is not of the normal kind always does."""
        return bool(self.apply_on_forward) or self.kind is not PolicyKind.NORMAL

    @property
    def default_types(self) -> frozenset[Direction]:
        """The directions of a policy that names none."""
        return _INGRESS_ONLY if self.kind is PolicyKind.PRE_DNAT else BOTH_DIRECTIONS


class KindWords(msgspec.Struct, frozen=True):
    """What an encoding calls the fields of a policy."""

    untracked: str
    pre_dnat: str
    ingress: str
    egress: str
    reject: str
    deny: str


def kind_conflicts(policy: Policy, flags: KindFlags, words: KindWords) -> Iterator[tuple[str, str]]:
    """The field and the reason of everything that does not suit the policy's kind."""
    if flags.untracked and flags.pre_dnat:
        yield words.pre_dnat, f"cannot stand together with '{words.untracked}': write two policies."
    elif flags.pre_dnat:
        yield from _pre_dnat_conflicts(policy, words)
    elif flags.untracked:
        yield from _untracked_conflicts(policy, words)


def _pre_dnat_conflicts(policy: Policy, words: KindWords) -> Iterator[tuple[str, str]]:
    why = f"with '{words.pre_dnat}', since destinations are translated on the way in: write another policy"
    if policy.egress:
        yield words.egress, f"must be empty {why} for these rules."
    if Direction.EGRESS in policy.types:
        yield "types", f"cannot contain egress {why} for egress."


def _untracked_conflicts(policy: Policy, words: KindWords) -> Iterator[tuple[str, str]]:
    why = (
        f"cannot be '{words.reject}' with '{words.untracked}': the answer to an untracked packet would itself be "
        f"dropped as invalid; write '{words.deny}'."
    )
    for name, rules in ((words.ingress, policy.ingress), (words.egress, policy.egress)):
        for index, rule in enumerate(rules):
            if rule.action is Action.REJECT:
                yield f"{name}[{index}].action", why
