"""What the record lacked, and when a unit is done.

Revision 0004, after 0003. New in `runs`: versions, the application's serial and the product's, the purpose, notes; and
three columns that follow from the rest: `application_key`, `ordered_at` and `may_have_written`. The sums by the hour
are distinguished by purpose; the views count only production and rework, and say which units are done.

Every run of an older log was made for production: nobody could say otherwise.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import context, op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

OLD_HISTORY = [
    "unit_id", "started_at", "run_id", "outcome", "batch", "slot", "passed_at_once", "code", "duration_s", "bundle",
    "operator", "station_id",
]  # fmt: skip
NEW_HISTORY = [
    "unit_id", "ordered_at", *OLD_HISTORY[2:], "started_at", "purpose", "may_have_written",
]  # fmt: skip
SUMS = ("hour_runs", "hour_images")
ADDED = (
    "station_version", "bundle_version", "application_serial", "product_serial", "part_number", "purpose", "notes",
    "application_key", "ordered_at", "may_have_written",
)  # fmt: skip


def upgrade() -> None:
    _drop_views(_old_views())
    op.drop_index("ix_runs_history", "runs")
    for column in _columns():
        op.add_column("runs", column)
    for table in SUMS:
        op.add_column(table, _purpose())
    op.execute("UPDATE runs SET ordered_at = started_at")
    op.execute(WROTE_NOTHING)
    op.create_index("ix_runs_history", "runs", NEW_HISTORY)
    op.create_index("ix_runs_application_key", "runs", ["application_key", "unit_id"])
    _create_views(VIEWS)


def downgrade() -> None:
    _drop_views(VIEWS)
    op.drop_index("ix_runs_application_key", "runs")
    op.drop_index("ix_runs_history", "runs")
    for table in SUMS:
        op.drop_column(table, "purpose")
    for name in reversed(ADDED):
        op.drop_column("runs", name)
    op.create_index("ix_runs_history", "runs", OLD_HISTORY)
    _create_views(_old_views())


def _columns() -> list[sa.Column[object]]:
    empty = sa.text("''")
    return [
        sa.Column("station_version", sa.String(), nullable=False, server_default=empty),
        sa.Column("bundle_version", sa.String(), nullable=False, server_default=empty),
        sa.Column("application_serial", sa.String(), nullable=True),
        sa.Column("product_serial", sa.String(), nullable=True),
        sa.Column("part_number", sa.String(), nullable=True),
        _purpose(),
        sa.Column("notes", sa.JSON(), nullable=False, server_default="[]"),
        sa.Column("application_key", sa.String(), nullable=True),
        sa.Column(
            "ordered_at", sa.DateTime(timezone=True), nullable=False, server_default="1970-01-01 00:00:00.000000"
        ),
        sa.Column("may_have_written", sa.Boolean(), nullable=False, server_default=sa.true()),
    ]


def _purpose() -> sa.Column[object]:
    return sa.Column("purpose", sa.String(), nullable=False, server_default="production")


def _old_views() -> dict[str, str]:
    revision_0002 = context.script.get_revision("0002")
    views: dict[str, str] = revision_0002.module.VIEWS
    return views


def _drop_views(views: dict[str, str]) -> None:
    for name in reversed(views):
        op.execute(f"DROP VIEW {name}")


def _create_views(views: dict[str, str]) -> None:
    sqlite = op.get_bind().dialect.name == "sqlite"
    for name, query in views.items():
        op.execute(f"CREATE VIEW {name} AS {query if sqlite else _with_keys_as_text(query)}")


def _with_keys_as_text(query: str) -> str:
    """PostgreSQL has no greatest UUID: as texts they have the same order."""
    for key in ("ranked.run_id", "latest.run_id"):
        query = query.replace(f"THEN {key} END", f"THEN CAST({key} AS varchar) END")
    return query.replace("= judged.telling_run_id", "= CAST(judged.telling_run_id AS uuid)")


WROTE_NOTHING = """
UPDATE runs SET may_have_written = FALSE
WHERE outcome = 'SKIPPED' OR (
    outcome IS NOT NULL AND coalesce(code, '') NOT IN ('station.interrupted', 'worker.died')
    AND EXISTS (SELECT 1 FROM attempts WHERE attempts.run_id = runs.run_id)
    AND NOT EXISTS (
        SELECT 1 FROM attempts WHERE attempts.run_id = runs.run_id AND (
            attempts.mram_initialized
            OR (attempts.outcome <> 'PASS' AND attempts.phase NOT IN ('hold', 'identify', 'check'))
            OR EXISTS (SELECT 1 FROM images
                       WHERE images.attempt_id = attempts.attempt_id AND images.blocks_written > 0))))
"""

COUNTS = "purpose IN ('production', 'rework')"
VIEWS: dict[str, str] = {
    # What each run does to its unit: leaves_done is 1 (done), 0 (not done) or null (as it was).
    "report_runs": f"""
SELECT runs.*, CASE WHEN {COUNTS} THEN 1 ELSE 0 END AS counts,
    CASE WHEN {COUNTS} AND (outcome IS NULL OR outcome <> 'SKIPPED') THEN 1 ELSE 0 END AS touched,
    CASE WHEN {COUNTS} AND outcome IN ('PASS', 'FAIL') THEN 1 ELSE 0 END AS counted,
    CASE WHEN {COUNTS} AND (outcome = 'PASS' OR (outcome = 'SKIPPED' AND code = 'unit.already_passed')) THEN 1
        WHEN outcome IS NULL OR outcome = 'FAIL' OR may_have_written THEN 0 END AS leaves_done
FROM runs
""",
    "report_units": """
WITH latest AS (
    SELECT unit_id, run_id, leaves_done FROM (
        SELECT unit_id, run_id, leaves_done,
            row_number() OVER (PARTITION BY unit_id ORDER BY ordered_at DESC, run_id DESC) AS place
        FROM report_runs WHERE leaves_done IS NOT NULL) AS deciding
    WHERE place = 1
), ranked AS (
    SELECT report_runs.*,
        row_number() OVER (PARTITION BY unit_id, batch ORDER BY counted DESC, ordered_at, run_id) AS from_first,
        row_number() OVER (PARTITION BY unit_id, batch
            ORDER BY counted DESC, ordered_at DESC, run_id DESC) AS from_last,
        row_number() OVER (PARTITION BY unit_id, batch ORDER BY
            CASE WHEN leaves_done IS NULL THEN 1 ELSE 0 END, ordered_at DESC, run_id DESC) AS decides,
        row_number() OVER (PARTITION BY unit_id, batch ORDER BY touched DESC, ordered_at DESC, run_id DESC) AS newest
    FROM report_runs WHERE touched = 1 OR (counts = 1 AND leaves_done = 1)
), summed AS (
    SELECT ranked.batch, ranked.unit_id, sum(touched) AS runs, sum(counted) AS counted_runs,
        max(CASE WHEN from_first = 1 AND counted = 1 THEN outcome END) AS first_outcome,
        max(CASE WHEN from_first = 1 AND counted = 1 AND passed_at_once THEN 1 ELSE 0 END) AS passed_first,
        max(CASE WHEN from_first = 1 AND counted = 1 THEN slot END) AS first_slot,
        max(CASE WHEN from_last = 1 AND counted = 1 THEN outcome END) AS counted_outcome,
        max(CASE WHEN decides = 1 THEN ranked.leaves_done END) AS batch_done,
        max(CASE WHEN decides = 1 AND ranked.leaves_done = 0 THEN ranked.run_id END) AS own_run_id,
        max(latest.leaves_done) AS unit_done,
        max(CASE WHEN latest.leaves_done = 0 THEN latest.run_id END) AS later_run_id,
        max(CASE WHEN newest = 1 THEN ranked.run_id END) AS newest_run_id,
        max(started_at) AS last_started_at
    FROM ranked LEFT JOIN latest ON latest.unit_id = ranked.unit_id
    GROUP BY ranked.batch, ranked.unit_id
), judged AS (
    SELECT summed.*, CASE WHEN batch_done = 1 AND unit_done = 1 THEN 1 ELSE 0 END AS done,
        coalesce(own_run_id, later_run_id, newest_run_id) AS telling_run_id
    FROM summed
)
SELECT judged.batch, judged.unit_id, units.serial, units.identified, judged.runs, judged.counted_runs,
    judged.first_outcome, judged.passed_first, judged.first_slot, judged.done,
    CASE WHEN judged.done = 1 AND judged.counted_outcome = 'PASS' THEN 1 ELSE 0 END AS passed,
    CASE WHEN judged.done = 1 AND coalesce(judged.counted_outcome, '') <> 'PASS' THEN 1 ELSE 0 END AS passed_earlier,
    CASE WHEN judged.done = 0 AND judged.counted_outcome = 'FAIL' THEN 1 ELSE 0 END AS failed,
    telling.run_id AS latest_run_id, telling.outcome AS latest_outcome, telling.code AS latest_code,
    telling.slot AS latest_slot, judged.last_started_at
FROM judged JOIN units ON units.unit_id = judged.unit_id JOIN runs AS telling ON telling.run_id = judged.telling_run_id
""",
    "report_yield": """
SELECT batch, count(CASE WHEN runs > 0 THEN 1 END) AS units_started,
    count(CASE WHEN counted_runs > 0 THEN 1 END) AS units_counted,
    sum(passed_first) AS units_passed_first, sum(passed) AS units_passed,
    sum(passed_earlier) AS units_passed_earlier, sum(failed) AS units_failed,
    sum(passed_first) * 1.0 / nullif(count(CASE WHEN counted_runs > 0 THEN 1 END), 0) AS first_pass_yield,
    sum(passed) * 1.0 / nullif(count(CASE WHEN counted_runs > 0 THEN 1 END), 0) AS final_yield,
    count(CASE WHEN first_outcome = 'FAIL' AND counted_runs > 1 THEN 1 END) AS units_retested,
    count(CASE WHEN first_outcome = 'FAIL' AND counted_runs > 1 AND passed = 1 THEN 1 END) AS units_recovered,
    count(CASE WHEN first_outcome = 'FAIL' AND counted_runs > 1 AND passed = 1 THEN 1 END) * 1.0
        / nullif(count(CASE WHEN first_outcome = 'FAIL' AND counted_runs > 1 THEN 1 END), 0) AS retest_yield
FROM report_units GROUP BY batch
""",
    "report_bundles": f"""
SELECT batch, bundle, bundle_sha256, recipe, max(bundle_version) AS bundle_version, count(DISTINCT unit_id) AS units,
    count(*) AS runs
FROM runs WHERE {COUNTS} AND (outcome IS NULL OR outcome <> 'SKIPPED') GROUP BY batch, bundle, bundle_sha256, recipe
""",
    "report_outcomes": f"SELECT batch, outcome, count(*) AS runs FROM runs WHERE {COUNTS} GROUP BY batch, outcome",
    "report_failures": f"""
SELECT batch, coalesce(code, '') AS code, outcome, count(*) AS runs, count(DISTINCT unit_id) AS units
FROM runs WHERE outcome IN ('FAIL', 'ERROR') AND {COUNTS} GROUP BY batch, coalesce(code, ''), outcome
""",
    "report_slots": f"""
SELECT ended.batch, ended.slot, ended.runs, coalesce(firsts.units_counted, 0) AS units_counted,
    coalesce(firsts.units_passed_first, 0) AS units_passed_first,
    firsts.units_passed_first * 1.0 / nullif(firsts.units_counted, 0) AS first_pass_yield,
    ended.mean_s, rates.mib_per_s
FROM (SELECT batch, slot, sum(runs) AS runs, sum(duration_s) / nullif(sum(timed_runs), 0) AS mean_s
      FROM hour_runs WHERE outcome <> 'SKIPPED' AND {COUNTS} GROUP BY batch, slot) AS ended
LEFT JOIN (SELECT batch, first_slot, count(*) AS units_counted, sum(passed_first) AS units_passed_first
           FROM report_units WHERE counted_runs > 0 GROUP BY batch, first_slot) AS firsts
    ON firsts.first_slot = ended.slot AND firsts.batch IS NOT DISTINCT FROM ended.batch
LEFT JOIN (SELECT batch, slot, sum(written_bytes) / 1048576.0 / nullif(sum(write_s), 0) AS mib_per_s
           FROM hour_images WHERE {COUNTS} GROUP BY batch, slot) AS rates
    ON rates.slot = ended.slot AND rates.batch IS NOT DISTINCT FROM ended.batch
""",
    "report_slot_codes": f"""
SELECT batch, slot, coalesce(code, '') AS code, sum(runs) AS runs FROM hour_runs
WHERE outcome IN ('FAIL', 'ERROR') AND {COUNTS} GROUP BY batch, slot, coalesce(code, '')
""",
    "report_images": f"""
SELECT batch, partition, sum(images) AS images, sum(total_s) / nullif(sum(images), 0) AS mean_s,
    sum(written_bytes) / 1048576.0 / nullif(sum(write_s), 0) AS mib_per_s, sum(retries) AS retries
FROM hour_images WHERE {COUNTS} GROUP BY batch, partition
""",
    "report_durations": f"""
SELECT batch, max(CASE WHEN place = (runs * 50 + 99) / 100 THEN duration_s END) AS p50_s,
    max(CASE WHEN place = (runs * 95 + 99) / 100 THEN duration_s END) AS p95_s
FROM (SELECT batch, duration_s, row_number() OVER (PARTITION BY batch ORDER BY duration_s) AS place,
          count(*) OVER (PARTITION BY batch) AS runs
      FROM runs WHERE outcome = 'PASS' AND duration_s IS NOT NULL AND {COUNTS}) AS passed
GROUP BY batch
""",
    "report_open_units": """
SELECT batch, serial, latest_outcome, latest_code, latest_slot, runs, last_started_at
FROM report_units WHERE done = 0
""",
}
