"""A bar for changes that take long, on a terminal only."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

PATIENCE: Final = 2.0  # seconds without a bar


class StepProgress:
    """Called with the number of steps done and of all steps; draws a bar to stderr once it takes long.

    Args:
        begun: the monotonic time at which the operator began to wait.
    """

    def __init__(self, begun: float) -> None:
        self._begun = begun
        self._bar: Progress | None = None
        self._task: TaskID | None = None

    def __call__(self, done: int, steps: int) -> None:
        """Tell how far it is."""
        if self._bar is None:
            self._bar = self._new_bar()
        if self._bar is not None:
            if self._task is None:
                self._task = self._bar.add_task("writing", total=steps)
            self._bar.update(self._task, completed=done)

    def _new_bar(self) -> Progress | None:
        if time.monotonic() - self._begun < PATIENCE or not sys.stderr.isatty():
            return None
        from rich.console import Console
        from rich.progress import Progress

        bar = Progress(console=Console(stderr=True), transient=True)
        bar.start()
        return bar

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()
