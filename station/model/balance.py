"""The balance of a batch: where each of its units is."""

from __future__ import annotations

from dataclasses import dataclass

from station.model.figures import YieldReport


@dataclass(frozen=True, slots=True)
class BatchSummary:
    """Where the units of a batch are: `planned` + `beyond` = `passed` + `open` + `failed`, always.

    passed      units whose latest counted run (PASS or FAIL) passed
    failed      units whose latest counted run failed
    unfinished  units that were begun and have no counted run: still running, cancelled, pulled out, station error
    not_run     planned units of which no run is in the batch yet
    beyond      units more than planned

    Where nothing was planned, the plan is taken to be the units that were begun, and `is_planned` is False.
    """

    name: str
    is_planned: bool
    planned: int
    beyond: int
    passed: int
    failed: int
    unfinished: int
    not_run: int
    first_pass_yield: float | None
    final_yield: float | None

    @property
    def open(self) -> int:
        """Units still to get a result."""
        return self.unfinished + self.not_run


def summary_of(name: str, report: YieldReport) -> BatchSummary:
    """The balance of a batch from its yield report."""
    begun, planned = report.units_started, report.planned
    plan = begun if planned is None else planned
    return BatchSummary(
        name=name,
        is_planned=planned is not None,
        planned=plan,
        beyond=max(0, begun - plan),
        passed=report.units_passed,
        failed=report.units_counted - report.units_passed,
        unfinished=begun - report.units_counted,
        not_run=max(0, plan - begun),
        first_pass_yield=report.first_pass_yield,
        final_yield=report.final_yield,
    )
