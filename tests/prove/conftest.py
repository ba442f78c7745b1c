from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from catflap.nft.style import RuleStyle
from catflap.policy import HostPolicy
from catflap.prove.kernel import Fate, Journey
from catflap.prove.observer import Seen
from catflap.prove.sample import Sample


class OpenHost:
    """Stands in for a kernel that lets everything through, and remembers what it was given."""

    def __init__(self) -> None:
        self.policies: list[HostPolicy] = []
        self.starts = 0
        self.restarts = 0

    def start_anew(self) -> None:
        self.starts += 1

    def restart(self) -> None:
        self.restarts += 1

    def enforce(self, policy: HostPolicy, _style: RuleStyle) -> None:
        self.policies.append(policy)

    def fates(self, samples: Sequence[Sample]) -> list[Fate]:
        return [
            Fate(
                received=None if sample.interface is None else Journey(None),
                sent=Journey(None) if sample.interface is None else None,
                state=Seen.NEW,
                translated=False,
                answered=False,
            )
            for sample in samples
        ]


@pytest.fixture
def open_host() -> OpenHost:
    return OpenHost()


@pytest.fixture
def sample() -> Callable[..., Sample]:
    """Makes a TCP packet to the host, but for the fields named."""

    def make(**fields: object) -> Sample:
        usual: dict[str, object] = {
            "interface": "eth0",
            "source": "10.0.0.10",
            "destination": "10.0.0.1",
            "protocol": 6,
            "source_port": 40000,
            "destination_port": 80,
        }
        return Sample(**usual | fields)  # type: ignore[arg-type]  # tests name the fields that matter

    return make
