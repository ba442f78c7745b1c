"""A kernel that refuses what a test tells it to refuse, and takes all else."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from catflap.nft.memory import MemoryNft
from catflap.nft.parse import AddBlock, ChangeElements, Command, parse
from catflap.nft.port import ElementChange, NftError


class RefusingNft(MemoryNft):
    """Refuses a transaction with a command that ``refuses`` is true for.

    Attributes:
        refuses: which commands; none at first.
        runs: how many transactions were tried.
        checks: how many were only looked at.
    """

    def __init__(self) -> None:
        super().__init__()
        self.refuses: Callable[[Command], bool] = lambda _: False
        self.runs = 0
        self.checks = 0

    def run(self, commands: str) -> None:
        self.runs += 1
        if any(map(self.refuses, parse(commands))):
            raise NftError("Cannot allocate memory")
        super().run(commands)

    def check(self, commands: str) -> None:
        self.checks += 1
        super().check(commands)

    def change_elements(self, changes: Sequence[ElementChange]) -> None:
        self.runs += 1
        for change in changes:
            if self.refuses(ChangeElements("add", change.name, dict.fromkeys(change.added, ""))):
                raise NftError("Cannot allocate memory")
        super().change_elements(changes)


def elements_of(name: str, most: int = 0) -> Callable[[Command], bool]:
    """Commands that give a set more elements at once."""

    def refuses(command: Command) -> bool:
        match command:
            case AddBlock(sets=sets):
                return any(item.name == name and len(item.elements) > most for item in sets)
            case ChangeElements(verb="add", name=other, elements=elements):
                return other == name and len(elements) > most
        return False

    return refuses


def rules_with(*texts: str) -> Callable[[Command], bool]:
    """Commands that write a rule with one of the texts."""

    def refuses(command: Command) -> bool:
        rules = (
            (rule for chain in command.chains for rule in chain.rules)
            if isinstance(command, AddBlock)
            else ()
        )
        return any(text in rule for rule in rules for text in texts)

    return refuses


def everything(_: Command) -> bool:
    return True
