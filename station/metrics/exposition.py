"""Figures as Prometheus' metrics.

1. Names and labels are promises, as fields of records are: boards and alarms are built on them.
2. No label is without bounds: a slot, an outcome, a code that the station knows, a state, a phase, a partition, a
   system. Never a serial, a run or a batch's name.
3. Counters are what the log says, so they outlive a restart; a log that is restored sets them back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from itertools import accumulate

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from station.errors import HINTS
from station.metrics.station_figures import LineFigures, StationFigures
from station.model.slots import SlotState
from station.model.write_times import Spread

PHASES = ("hold", "identify", "check", "init", "write", "verify", "boot", "test")
OTHER_CODE = "other"


class StationCollector(Collector):
    """Asked by a registry at each scrape."""

    def __init__(self, take: Callable[[], StationFigures]) -> None:
        self._take = take

    def collect(self) -> Iterator[Metric]:
        """All metrics of this moment."""
        figures = self._take()
        about = {"station_id": figures.station_id, "version": figures.version}
        yield InfoMetricFamily("ae3_station", "The station and its version", value=about)
        yield _gauge("ae3_log_readable", "1 while the log can be read", figures.log_readable)
        yield _gauge("ae3_line_up", "1 while a line answers", figures.line is not None)
        if figures.line is not None:
            yield from _of_line(figures.line)
        if figures.log_readable:
            yield from _of_log(figures)
        yield from _of_ways(figures)


def exposed(figures: StationFigures) -> bytes:
    """The figures as text."""
    return generate_latest(registry_of(lambda: figures))


def registry_of(take: Callable[[], StationFigures]) -> CollectorRegistry:
    """A registry of its own: nothing of the process that serves it is told."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(StationCollector(take))
    return registry


def _of_line(line: LineFigures) -> Iterator[Metric]:
    about = {"bundle": line.bundle, "bundle_version": line.bundle_version, "recipe": line.recipe}
    yield InfoMetricFamily("ae3_line", "What the line works on", value=about)
    yield _gauge("ae3_line_takes_cameras", "1 while a camera that is plugged in is run", line.takes_cameras)
    states = {str(state): line.states.get(str(state), 0) for state in SlotState}
    yield _gauges("ae3_slots", "Slots by what they show", "state", states)
    phases = {phase: line.phases.get(phase, 0) for phase in PHASES}
    yield _gauges("ae3_slots_in_phase", "Running slots by the phase that they are in", "phase", phases)
    held = line.states.get(str(SlotState.WAITING), 0)
    yield _gauge("ae3_cameras_held", "Cameras that are held in their bootloader and wait for their turn", held)
    if line.log_writes is not None:
        name, text = "ae3_log_write_seconds", "How long transactions of the log took since the line began"
        yield _histogram(name, text, "", {"": line.log_writes})


def _of_log(figures: StationFigures) -> Iterator[Metric]:
    runs = CounterMetricFamily("ae3_runs", "Finished runs", labels=("slot", "outcome", "code"))
    for labels, count in _known_codes(figures.runs).items():
        runs.add_metric(labels, count)
    yield runs
    yield _histogram("ae3_run_duration_seconds", "How long finished runs took", "outcome", figures.durations)
    text = "Bytes of images that were written, where enough was written to tell a rate"
    written = CounterMetricFamily("ae3_written_bytes", text, labels=("slot", "partition"))
    seconds = CounterMetricFamily("ae3_write_seconds", "How long that took", labels=("slot", "partition"))
    for place, (size_bytes, took_s) in figures.written.items():
        written.add_metric(place, size_bytes)
        seconds.add_metric(place, took_s)
    yield from (written, seconds)
    if figures.batch is not None:
        yield _gauges("ae3_batch_units", "Units of the open batch by where they are", "where", figures.batch)


def _of_ways(figures: StationFigures) -> Iterator[Metric]:
    at = figures.at or datetime.now(UTC)
    waiting = {sink: count for sink, (count, _) in figures.outbox.items()}
    yield _gauges("ae3_outbox_waiting", "Records that a system has not taken yet", "sink", waiting)
    lag = {sink: (at - oldest).total_seconds() if oldest else 0.0 for sink, (_, oldest) in figures.outbox.items()}
    text = "How long the oldest of them waits"
    yield _gauges("ae3_outbox_lag_seconds", text, "sink", {key: max(0.0, lag_s) for key, lag_s in lag.items()})
    text = "Labels of the last 24 hours that were not printed, or maybe"
    yield _gauges("ae3_labels_missed", text, "sink", figures.labels_missed)
    if (centre := figures.centre) is not None:
        yield _gauge("ae3_central_waiting", "Changes that the database of all stations has not got", centre.waiting)
        yield _gauge("ae3_central_lag_seconds", "How long the oldest of them waits", centre.lag_s)
        yield _gauge("ae3_central_away", "1 while that database does not answer", centre.away)


def _known_codes(runs: Mapping[tuple[str, str, str], int]) -> dict[tuple[str, str, str], int]:
    """Codes that this station does not know come from other versions and are one."""
    found: dict[tuple[str, str, str], int] = {}
    for (slot, outcome, code), count in runs.items():
        key = (slot, outcome, code if not code or code in HINTS else OTHER_CODE)
        found[key] = found.get(key, 0) + count
    return found


def _gauge(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(name, text, value=float(value))


def _gauges(name: str, text: str, label: str, values: Mapping[str, float]) -> Metric:
    family = GaugeMetricFamily(name, text, labels=(label,))
    for key, value in values.items():
        family.add_metric((key,), value)
    return family


def _histogram(name: str, text: str, label: str, values: Mapping[str, Spread]) -> Metric:
    family = HistogramMetricFamily(name, text, labels=(label,) if label else ())
    for key, spread in values.items():
        bounds = [*(f"{bound_s:g}" for bound_s in spread.bounds_s), "+Inf"]
        family.add_metric(
            (key,) if label else (), list(zip(bounds, accumulate(spread.counts), strict=True)), spread.total_s
        )
    return family
