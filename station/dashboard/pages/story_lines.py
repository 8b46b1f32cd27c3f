"""One unit's story as lines: its runs with their attempts and images, newest run first, in columns with headings."""

from __future__ import annotations

from collections.abc import Iterator

from station.dashboard.language import tr, tr_count, translated
from station.dashboard.tiles.tile_content import PHASES, outcome_text
from station.dashboard.widgets.sheet import Line, Part, columns, paragraph, single
from station.local_time import time_text, zone_names
from station.model.runs import AttemptRecord, RunRecord
from station.model.units import UnitStory

INDENT = 2
RUN_ALIGNS, ATTEMPT_ALIGNS, IMAGE_ALIGNS = "lllrlll", "rlllr", "lrrrl"


def story_lines(story: UnitStory, width: int) -> Iterator[Line]:
    """The whole story, for so many columns."""
    count = tr_count("{count} run", "{count} runs", len(story.runs))
    yield (Part(f"{story.serial}: ", "title"), Part(count, "title"))
    if story.application_serials:
        yield single(tr("its application: {serials}").format(serials=", ".join(story.application_serials)))
    named = [story.product_serial] if story.product_serial else []
    if named := [*named, *(f"{key} {value}" for key, value in story.values.pairs)]:
        yield single(tr("on its labels: {what}").format(what=", ".join(named)))
    if not story.runs:
        return
    zone = zone_names(run.started_at for run in story.runs)
    runs = story.runs[::-1]
    heads = (
        tr("started ({zone})").format(zone=zone), tr("outcome"), tr("slot"), tr("took"), tr("code"), tr("batch"),
        tr("bundle"),
    )  # fmt: skip
    heading, *rows = columns(heads, [_run_row(run) for run in runs], width, RUN_ALIGNS)
    yield heading
    for run, row in zip(runs, rows, strict=True):
        yield row
        yield from _below(run, width)


def _run_row(run: RunRecord) -> list[Part]:
    took = "" if run.duration_s is None else f"{run.duration_s:.1f} s"
    cells = (run.slot, took, run.code or "", run.batch or "-", run.bundle)
    return [Part(time_text(run.started_at)), Part(*outcome_text(run.outcome)), *map(Part, cells)]


def _below(run: RunRecord, width: int) -> Iterator[Line]:
    """What was said of a run, its attempts and their images."""
    if run.message:
        yield from paragraph(translated(run.message), width, INDENT)
    for note in run.notes:
        yield from paragraph(note, width, INDENT)
    heads = (tr("attempt"), tr("outcome"), tr("code"), tr("ended in"), tr("took"))
    rows = [_attempt_row(attempt) for attempt in run.attempts]
    heading, *attempts = columns(heads, rows, width, ATTEMPT_ALIGNS, INDENT)
    if attempts:
        yield heading
    for attempt, row in zip(run.attempts, attempts, strict=True):
        yield row
        yield from _image_lines(attempt, width)


def _attempt_row(attempt: AttemptRecord) -> list[Part]:
    phase = tr(PHASES.get(attempt.phase, attempt.phase)).lower()
    number, took = f"#{attempt.number}", f"{attempt.duration_s:.1f} s"
    return [Part(number), Part(*outcome_text(attempt.outcome)), Part(attempt.code or ""), Part(phase), Part(took)]


def _image_lines(attempt: AttemptRecord, width: int) -> Iterator[Line]:
    if not attempt.images:
        return
    heads = (tr("image"), tr("blocks"), tr("written in"), tr("read back in"), tr("proof"))
    rows = []
    for image in attempt.images:
        equal = image.readback_sha256 == image.sha256
        proof = Part(tr("read back equal"), "passed") if equal else Part(tr("not proven"), "failed")
        blocks = f"{image.blocks_written}/{image.blocks_total}"
        cells = (image.partition, blocks, f"{image.write_s:.1f} s", f"{image.verify_s:.1f} s")
        rows.append([*map(Part, cells), proof])
    yield from columns(heads, rows, width, IMAGE_ALIGNS, 3 * INDENT)
