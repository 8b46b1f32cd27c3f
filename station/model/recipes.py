"""A recipe: which steps a run takes, in order. Recipes are data; the built-in ones stand in the configuration."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class StepKind(StrEnum):
    """What one step does."""

    WRITE = "write"
    INITIALIZE_MRAM = "initialize_mram"
    ERASE_FILESYSTEM = "erase_filesystem"
    TEST = "test"


@dataclass(frozen=True, slots=True)
class Step:
    """One step; `partition` is set for WRITE only, one of those that the board has images for; `test` for TEST only."""

    kind: StepKind
    partition: str = ""
    test: str = ""


@dataclass(frozen=True, slots=True)
class Recipe:
    """A named, ordered list of steps."""

    name: str
    steps: tuple[Step, ...]

    @property
    def partitions(self) -> tuple[str, ...]:
        """The partitions that need an image from the bundle, in order."""
        return tuple(step.partition for step in self.steps if step.kind is StepKind.WRITE)

    @property
    def tests(self) -> tuple[str, ...]:
        """The tests of the running application that come after everything else, in order."""
        return tuple(step.test for step in self.steps if step.kind is StepKind.TEST)
