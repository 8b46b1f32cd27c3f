"""The figures of a report, from runs: pure, in any order, in one pass.

The definitions, which a report prints with its figures, stand in `definitions`. The selection (a batch, a time
range, everything) is made before: what is "in the batch" here is what is among the runs given. `Counts` is what is
counted, from runs here or by the log itself; `report_of` makes the report of it.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from station.model.done import COUNTED_OUTCOMES, COUNTED_PURPOSES, passed_earlier, standing_of
from station.model.runs import ImageRecord, Outcome, Purpose, RunRecord
from station.model.scrapping import NO_SLOT, SCRAPPED
from station.model.serials import canonical_serial
from station.model.slots import BenchSlot, bench_slot_order, slot_label
from station.model.units import RunFilter
from station.yields.figures import (
    BundleCount,
    CodeCount,
    HourCount,
    ImageRate,
    OpenUnit,
    Rates,
    SlotYield,
    YieldReport,
    ratio,
)
from station.yields.inference import SIGNIFICANCE, fisher_worse, holm
from station.yields.measurement_spread import spreads
from station.yields.sums import Counts, ImageSum
from station.yields.write_rate import tells_write_rate

__all__ = [
    "BundleCount",
    "CodeCount",
    "Counts",
    "HourCount",
    "ImageRate",
    "OpenUnit",
    "Rates",
    "SlotYield",
    "YieldReport",
    "passed_at_once",
    "percentile",
    "rates_of",
    "report_of",
    "summarize",
]

_MIB = 1024 * 1024
_COUNTED = COUNTED_OUTCOMES
_BROKEN = (Outcome.FAIL, Outcome.ERROR)


def summarize(
    runs: Iterable[RunRecord],
    *,
    batch: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    selection: RunFilter | None = None,
    others: Iterable[RunRecord] = (),
) -> YieldReport:
    """The report over `runs`, in whatever order they come. Of the selection only the purposes are asked, and where it
    names none only those that count are looked at; the rest is repeated in the report.

    `others` are further runs of the same units, in other batches or slots: they may take away that a unit is done.
    """
    selection = selection or RunFilter(batch=batch, since=since, until=until)
    tally = _Tally(selection.purposes or COUNTED_PURPOSES)
    for run in runs:
        tally.add(run)
    for run in others:
        tally.add_other(run)
    return report_of(tally.counts(), selection)


def passed_at_once(run: RunRecord) -> bool:
    """True for a run that passed at its first attempt."""
    if run.outcome is not Outcome.PASS:
        return False
    first = min(run.attempts, key=lambda attempt: attempt.number, default=None)
    return first is None or first.outcome is Outcome.PASS


def percentile(values: Sequence[float], share: float) -> float | None:
    """The nearest-rank percentile: the smallest value that at least `share` (0 to 1) of all do not exceed."""
    return _percentile_of_sorted(sorted(values), share)


def report_of(counts: Counts, selection: RunFilter, planned: int | None = None) -> YieldReport:
    """The report of what was counted, beside how many units were planned."""
    durations_s = sorted(counts.durations_s)
    outcomes: Counter[Outcome] = Counter()
    for (_, outcome, _), runs in counts.runs.items():
        outcomes[outcome] += runs.runs
    return YieldReport(
        batch=selection.batch,
        since=selection.since,
        until=selection.until,
        bundle=selection.bundle,
        station_id=selection.station_id,
        slot=selection.slot,
        operator=selection.operator,
        planned=planned,
        units_started=counts.units_started,
        units_counted=counts.firsts.total(),
        units_passed=counts.units_passed,
        units_passed_first=sum(count for (_, at_once), count in counts.firsts.items() if at_once),
        units_retested=counts.units_retested,
        units_recovered=counts.units_recovered,
        first_started_at=counts.first_start,
        last_ended_at=counts.last_end,
        units_per_hour=ratio(counts.units_passed, _hours(counts)),
        duration_p50_s=_percentile_of_sorted(durations_s, 0.50),
        duration_p95_s=_percentile_of_sorted(durations_s, 0.95),
        outcomes=tuple((outcome, outcomes[outcome]) for outcome in Outcome),
        open_runs=counts.open_runs,
        unproven_runs=counts.unproven_runs,
        failures=_failures(counts),
        slots=_slots(counts),
        images=_images(counts),
        hours=_by_hour(counts),
        measurements=spreads(counts.measurements),
        open_details=tuple(sorted(counts.open_details, key=_waiting_order)),
        purposes=selection.purposes or COUNTED_PURPOSES,
        units_passed_earlier=counts.units_passed_earlier,
        units_failed=counts.units_failed,
        units_with_result=counts.units_with_result,
        bundles=_bundles(counts) if selection.names_firmware else (),
    )


def _bundles(counts: Counts) -> tuple[BundleCount, ...]:
    return tuple(sorted(counts.bundles, key=lambda one: (one.bundle, one.bundle_sha256, one.recipe)))


def rates_of(counts: Counts) -> Rates:
    """The rates of what was counted; its units are not asked."""
    seconds = sum(runs.duration_s for runs in counts.runs.values())
    return Rates(_images(counts), ratio(seconds, sum(runs.timed_runs for runs in counts.runs.values())))


def hour_of(moment: datetime) -> datetime:
    """The first moment of the hour, in UTC."""
    return moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def _by_hour(counts: Counts) -> tuple[HourCount, ...]:
    hours = sorted({hour_at for hour_at, _ in counts.hours})
    return tuple(HourCount(at, counts.hours[at, True], counts.hours[at, False]) for at in hours)


def _waiting_order(unit: OpenUnit) -> tuple[object, ...]:
    """The longest untouched first; the rest only so that the order is always the same."""
    return unit.last_at, unit.serial, unit.slot, unit.code or "", unit.runs, str(unit.outcome), unit.passed_before


def _percentile_of_sorted(values: Sequence[float], share: float) -> float | None:
    return values[max(math.ceil(share * len(values)), 1) - 1] if values else None


def _hours(counts: Counts) -> float:
    if counts.first_start is None or counts.last_end is None:
        return 0.0
    return (counts.last_end - counts.first_start).total_seconds() / 3600


def _failures(counts: Counts) -> tuple[CodeCount, ...]:
    return (*_by_code(counts, Outcome.FAIL), *_by_code(counts, Outcome.ERROR))


def _by_code(counts: Counts, outcome: Outcome) -> Iterator[CodeCount]:
    """The codes of runs that ended so, the most frequent first."""
    runs: Counter[str] = Counter()
    for (_, ended, code), summed in counts.runs.items():
        if ended is outcome:
            runs[code] += summed.runs
    gone_by = 0
    for code, count in sorted(runs.items(), key=lambda item: (-item[1], item[0])):
        gone_by += count
        yield CodeCount(code, outcome, count, counts.code_units[code, outcome], gone_by / runs.total())


def _slots(counts: Counts) -> tuple[SlotYield, ...]:
    used = {place for place, outcome, _ in counts.runs if outcome is not Outcome.SKIPPED and place[1] != NO_SLOT}
    stations = sorted({station_id for station_id, _ in used})
    rows = []
    for station_id in stations:
        # A slot is compared with those of its own bench: another bench has other hubs, cables and people.
        places = sorted((place for place in used if place[0] == station_id), key=bench_slot_order)
        p_values = _p_values(counts, places)
        rows += [_slot(counts, place, p_values.get(place), several=len(stations) > 1) for place in places]
    return tuple(rows)


def _p_values(counts: Counts, names: Sequence[BenchSlot]) -> dict[BenchSlot, float]:
    """For each slot of a bench with counted units, where there are two or more: its failures beside the others'."""
    compared = [name for name in names if counts.firsts[name, True] + counts.firsts[name, False]]
    if len(compared) < 2:
        return {}
    all_good = sum(counts.firsts[name, True] for name in compared)
    all_bad = sum(counts.firsts[name, False] for name in compared)
    values = []
    for name in compared:
        bad, good = counts.firsts[name, False], counts.firsts[name, True]
        values.append(fisher_worse(bad, good, all_bad - bad, all_good - good))
    return dict(zip(compared, holm(values), strict=True))


def _slot(counts: Counts, name: BenchSlot, p_value: float | None, *, several: bool) -> SlotYield:
    ended = [(outcome, code, runs) for (slot, outcome, code), runs in counts.runs.items() if slot == name]
    codes: Counter[str] = Counter()
    for outcome, code, runs in ended:
        if outcome in _BROKEN:
            codes[code] += runs.runs
    written = ImageSum().add_all(images for (_, slot), images in counts.images.items() if slot == name)
    at_once, later = counts.firsts[name, True], counts.firsts[name, False]
    return SlotYield(
        slot=name[1],
        station_id=name[0],
        label=slot_label(name, several_stations=several),
        runs=sum(runs.runs for outcome, _, runs in ended if outcome is not Outcome.SKIPPED),
        units_counted=at_once + later,
        units_passed_first=at_once,
        mean_s=ratio(sum(runs.duration_s for _, _, runs in ended), sum(runs.timed_runs for _, _, runs in ended)),
        mib_per_s=ratio(written.written_bytes / _MIB, written.write_s),
        codes=tuple(sorted(codes.items(), key=lambda item: (-item[1], item[0]))),
        p_value=p_value,
        suspect=p_value is not None and p_value < SIGNIFICANCE,
    )


def _images(counts: Counts) -> tuple[ImageRate, ...]:
    rows = []
    for name in sorted({partition for partition, _ in counts.images}):
        of_all = ImageSum().add_all(images for (partition, _), images in counts.images.items() if partition == name)
        mean_s = ratio(of_all.total_s, of_all.images)
        rate = ratio(of_all.written_bytes / _MIB, of_all.write_s)
        if of_all.images or of_all.retries:
            rows.append(ImageRate(name, of_all.images, mean_s, rate, of_all.retries))
    return tuple(rows)


def _moment(run: RunRecord) -> tuple[datetime, str]:
    """Orders runs: when they started, then their key."""
    return run.started_at, run.run_id


@dataclass(slots=True)
class _Unit:
    """What is remembered of one unit while the runs go by: those selected, and all."""

    selected: list[RunRecord] = field(default_factory=list)
    everything: list[RunRecord] = field(default_factory=list)

    def add_to(self, counts: Counts, purposes: tuple[Purpose, ...]) -> None:
        """Count the unit, whose runs are all here now."""
        runs = sorted(self.selected, key=_moment)
        if not runs:
            return
        touched = [run for run in runs if run.outcome is not Outcome.SKIPPED]
        counted = [run for run in runs if run.outcome in _COUNTED]
        standing = standing_of(runs, sorted(self.everything, key=_moment), purposes)
        counts.units_started += bool(touched)
        if counted:
            counts.firsts[_place(counted[0]), passed_at_once(counted[0])] += 1
        first, last = (counted[0].outcome, counted[-1].outcome) if counted else (None, None)
        counts.add_units(1, first, last, several=len(counted) > 1, done=standing.done)
        if standing.telling is not None:
            counts.open_details.append(_open_unit(touched, standing.telling))


def _open_unit(touched: Sequence[RunRecord], telling: RunRecord) -> OpenUnit:
    return OpenUnit(
        serial=canonical_serial(telling.serial),
        code=telling.code,
        slot=telling.slot,
        station_id=telling.station_id,
        runs=len(touched),
        last_at=(touched or [telling])[-1].started_at,
        outcome=telling.outcome,
        passed_before=any(run.outcome is Outcome.PASS for run in touched),
    )


def _place(run: RunRecord) -> BenchSlot:
    return run.station_id, run.slot


def _key(run: RunRecord) -> tuple[str, str]:
    """A run whose serial names no unit is a unit of its own."""
    return ("serial", canonical_serial(run.serial)) if run.identified else ("run", run.run_id)


@dataclass(slots=True)
class _Tally:
    """The running count over all runs."""

    purposes: tuple[Purpose, ...]
    units: defaultdict[tuple[str, str], _Unit] = field(default_factory=lambda: defaultdict(_Unit))
    code_units: defaultdict[tuple[str, Outcome], set[tuple[str, str]]] = field(default_factory=lambda: defaultdict(set))
    bundles: defaultdict[tuple[str, str, str], list[RunRecord]] = field(default_factory=lambda: defaultdict(list))
    sums: Counts = field(default_factory=Counts)

    def add_other(self, run: RunRecord) -> None:
        self.units[_key(run)].everything.append(run)

    def add(self, run: RunRecord) -> None:
        self.add_other(run)
        if run.purpose not in self.purposes:
            return
        key = _key(run)
        if run.outcome is not Outcome.SKIPPED and run.code != SCRAPPED:
            self.bundles[run.bundle, run.bundle_sha256, run.recipe].append(run)
        if run.outcome is not Outcome.SKIPPED or passed_earlier(run):
            self.units[key].selected.append(run)
        if run.outcome is None:
            self.sums.open_runs += 1
            return
        if run.outcome in _BROKEN:
            self.code_units[run.code or "", run.outcome].add(key)
        self._add_finished(run, run.outcome)

    def _add_finished(self, run: RunRecord, outcome: Outcome) -> None:
        timed = outcome is Outcome.PASS and run.duration_s is not None
        seconds = run.duration_s or 0.0 if timed else 0.0
        self.sums.runs[_place(run), outcome, run.code or ""].add(1, int(timed), seconds)
        if timed:
            self.sums.durations_s.append(seconds)
        self.sums.unproven_runs += outcome is Outcome.PASS and run.proofs_off is not None
        if outcome is Outcome.SKIPPED:
            return
        if outcome in _COUNTED:
            self.sums.hours[hour_of(run.started_at), outcome is Outcome.PASS] += 1
        if run.code != SCRAPPED:
            self.sums.add_span(run.started_at, run.finished_at or run.started_at)
        for attempt in run.attempts:
            for image in attempt.images:
                if image.blocks_written:
                    self._add_image(_place(run), image, attempt.outcome is Outcome.PASS, attempt.number > 1)
            for measurement in attempt.measurements:
                self.sums.measurements[measurement.name, measurement.unit or "", _place(run)].add_one(measurement)

    def _add_image(self, slot: BenchSlot, image: ImageRecord, passed: bool, retry: bool) -> None:
        written_bytes = image.size_bytes * image.blocks_written / max(image.blocks_total, 1)
        sums = self.sums.images[image.partition, slot]
        if not passed:
            sums.retries += retry
        elif tells_write_rate(image):
            sums.add(1, image.write_s + image.verify_s, image.write_s, written_bytes, int(retry))
        else:
            sums.add(1, image.write_s + image.verify_s, 0.0, 0.0, int(retry))

    def counts(self) -> Counts:
        """All that was counted; to be asked once."""
        for unit in self.units.values():
            unit.add_to(self.sums, self.purposes)
        for key, units in self.code_units.items():
            self.sums.code_units[key] = len(units)
        for (bundle, sha256, recipe), runs in self.bundles.items():
            version, units = max(run.bundle_version for run in runs), {_key(run) for run in runs}
            self.sums.bundles.append(BundleCount(bundle, sha256, version, recipe, len(units), len(runs)))
        return self.sums
