"""What the agent reports of other packet filters: the base chains that can drop what policy allows."""

from __future__ import annotations

from collections.abc import Callable

from catflap.agent.document import MAX_LISTED, ForeignChain, ForeignReport, cut
from catflap.doctor import ChainView, Host, ThisHost, foreign_chains
from catflap.doctor.port import ProgramError


def look_at_foreign(host: Callable[[], Host] = ThisHost) -> ForeignReport:
    """One look. It starts programs, which take a tenth of a second and never longer than some seconds."""
    try:
        found = [each for each in foreign_chains(host()) if each.can_stop]
    except ProgramError as error:
        return ForeignReport(problem=cut(str(error)))
    found.sort(key=lambda each: not each.closed)
    return ForeignReport(total=len(found), chains=tuple(map(_shown, found[:MAX_LISTED])))


def _shown(chain: ChainView) -> ForeignChain:
    return ForeignChain(
        title=cut(chain.title),
        hook=chain.hook,
        policy=chain.policy,
        owner=cut(chain.owner),
        drops_by_default=chain.closed,
    )
