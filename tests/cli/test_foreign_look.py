from __future__ import annotations

from catflap.agent.document import ForeignReport
from catflap.cli.foreign_look import look_at_foreign
from catflap.doctor import MemoryHost, ProgramError

from .test_foreign_chains import PROGRAMS


def test_what_can_drop_is_listed_what_drops_by_default_first() -> None:
    found = look_at_foreign(lambda: MemoryHost(PROGRAMS))
    assert found.problem is None
    assert found.total == len(found.chains)
    titles = [each.title for each in found.chains if each.drops_by_default]
    assert "ip filter INPUT" in titles
    assert not any("catflap" in each.title for each in found.chains)
    assert [each.drops_by_default for each in found.chains] == sorted(
        (each.drops_by_default for each in found.chains), reverse=True
    )


def test_what_cannot_be_looked_at_is_said() -> None:
    broken = MemoryHost({"nft --json list chains": ProgramError("it hangs")})
    assert look_at_foreign(lambda: broken) == ForeignReport(problem="it hangs")
