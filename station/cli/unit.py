"""`station unit`: one camera's whole history."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from typing import TYPE_CHECKING

from station.cli.options import (
    CentralOption,
    ConfigOption,
    DataDirOption,
    JsonOption,
    SerialArgument,
    new_app,
    reader_for,
    use_station_clock,
)
from station.cli.output import local_time, print_json, print_line
from station.local_time import zone_names
from station.model.measurements import measurement_line
from station.terminal_text import printable

if TYPE_CHECKING:
    from station.model.runs import AttemptRecord, RunRecord

app = new_app("One camera's whole history.")


@app.command(epilog="Examples: station unit 2233; station unit 3A0F5C77B1D2E49600112233")
def unit(
    serial: SerialArgument,
    central: CentralOption = False,
    config: ConfigOption = None,
    data_dir: DataDirOption = None,
    as_json: JsonOption = False,
) -> None:
    """One camera's whole history: every run with its attempts and images, the oldest first."""
    use_station_clock(config)

    with closing(reader_for(config, data_dir, central=central)) as reader:
        story = reader.unit(reader.unit_named(serial))
    if as_json:
        print_json(story.to_json())
        return
    print_line(f"unit {printable(story.serial)}: {len(story.runs)} run(s)")
    if story.product_serial:
        print_line(f"product serial {printable(story.product_serial)}")
    for one in story.value_history:
        print_line(printable(f"{one.key} {one.value}, set at {local_time(one.set_at)} by {one.set_by}"))
    if story.application_serials:
        print_line(
            f"its application calls itself {', '.join(printable(serial) for serial in story.application_serials)}"
        )
    moments = [*(run.started_at for run in story.runs), *(release.released_at for release in story.releases)]
    moments += [one.set_at for one in story.value_history]
    print_line(f"times are {zone_names(moments)}")
    for run in story.runs:
        _print_run(run)
    for release in story.releases:
        where = f"batch {release.batch}" if release.batch else "every batch"
        print_line(printable(f"released for {where} at {local_time(release.released_at)} by {release.released_by}"))


def _print_run(run: RunRecord) -> None:
    ended = f"{run.outcome} {run.code or ''}".rstrip() if run.outcome else "OPEN"
    took = "" if run.duration_s is None else f" after {run.duration_s:.1f} s"
    batch = f", batch {run.batch}" if run.batch else ""
    place = printable(f"slot {run.slot}, recipe {run.recipe}, {run.bundle}{batch}")
    print_line(f"\n{local_time(run.started_at)}  {ended}{took}  {place}")
    if run.message:
        print_line(f"  {printable(run.message)}")
    for line in (*_particulars(run), *run.notes):
        print_line(f"  {printable(line)}")
    for attempt in run.attempts:
        _print_attempt(attempt)


def _particulars(run: RunRecord) -> Iterator[str]:
    """What a run has beside the usual."""
    if run.purpose != "production":
        yield f"purpose {run.purpose}"
    named = (
        ("product serial", run.product_serial),
        ("part number", run.part_number),
        ("revision", run.hardware_revision),
        ("at", run.location),
    )
    yield from (f"{name} {value}" for name, value in (*named, *run.unit_values.pairs) if value)


def _print_attempt(attempt: AttemptRecord) -> None:
    code = f" {attempt.code}" if attempt.code else ""
    mram = ", MRAM initialized" if attempt.mram_initialized else ""
    print_line(
        f"  attempt {attempt.number}: {attempt.outcome}{code} in {attempt.phase}, {attempt.duration_s:.1f} s{mram}"
    )
    for note in attempt.notes:
        print_line(f"    {printable(note)}")
    for image in attempt.images:
        proof = "read back equal" if image.readback_sha256 == image.sha256 else "not proven"
        print_line(
            f"    {image.partition:<7} {image.blocks_written:>5} of {image.blocks_total:>5} blocks written"
            f" in {image.write_s:.1f} s, {proof}"
        )
    for measurement in attempt.measurements:
        print_line(f"    {printable(measurement_line(measurement))}")
