"""Who hears what a line does."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from station.model.batches import Batch
from station.model.notices import Notice
from station.model.runs import RunRecord


@dataclass(frozen=True, slots=True)
class Listeners:
    """Who hears what the line does. Called in the dispatcher's thread; each must be quick."""

    on_run: Callable[[RunRecord], None]
    on_batch: Callable[[Batch | None, str | None], None] = lambda batch, operator: None
    on_plan_reached: Callable[[Batch], None] = lambda batch: None
    on_notice: Callable[[Notice], None] = lambda notice: None
