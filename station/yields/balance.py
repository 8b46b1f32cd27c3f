"""The balance of a batch: where each of its units is."""

from __future__ import annotations

from dataclasses import dataclass

from station.yields.figures import YieldReport


@dataclass(frozen=True, slots=True)
class BatchSummary:
    """Where the units of a batch are: `planned` + `beyond` = `passed` + `passed_earlier` + `open` + `failed`, always.

    passed          units that are done (`station.model.done`) and whose latest counted run (PASS or FAIL) passed
    passed_earlier  units that are done because they were skipped: they had passed before
    failed          units that are not done and whose latest counted run failed
    unfinished      other units that were begun and are not done: running, cancelled, pulled out, station error; also
                    after they had passed
    not_run         planned units of which no run is in the batch yet
    beyond          units more than planned

    Where nothing was planned, the plan is taken to be the units that were begun, and `is_planned` is False.
    """

    name: str
    is_planned: bool
    planned: int
    beyond: int
    passed: int
    passed_earlier: int
    failed: int
    unfinished: int
    not_run: int
    first_pass_yield: float | None
    final_yield: float | None
    scrapped: int = 0
    """Of the failed ones those that an engineer booked as scrapped."""

    @property
    def open(self) -> int:
        """Units still to get a result."""
        return self.unfinished + self.not_run


def summary_of(name: str, report: YieldReport) -> BatchSummary:
    """The balance of a batch from its yield report."""
    begun, planned = report.units_begun, report.planned
    plan = begun if planned is None else planned
    return BatchSummary(
        name=name,
        is_planned=planned is not None,
        planned=plan,
        beyond=max(0, begun - plan),
        passed=report.units_passed,
        passed_earlier=report.units_passed_earlier,
        failed=report.units_failed,
        unfinished=len(report.open_details) - report.units_failed,
        not_run=max(0, plan - begun),
        first_pass_yield=report.first_pass_yield,
        final_yield=report.final_yield,
        scrapped=report.units_scrapped,
    )
