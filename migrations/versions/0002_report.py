"""What makes reports quick, and views for those who bring their own SQL.

Revision 0002, after 0001. Sums by the hour (`hour_runs`, `hour_images`), whether a run passed at its first attempt, an
index that has all that a yield asks, and one view for each table of the report.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

OLD_HISTORY = ["unit_id", "started_at", "run_id", "outcome", "batch"]
NEW_HISTORY = [*OLD_HISTORY, "slot", "passed_at_once", "code", "duration_s", "bundle", "operator", "station_id"]
PLACE = "station_id, batch, bundle, slot, operator"


def upgrade() -> None:
    op.add_column("runs", sa.Column("passed_at_once", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.drop_index("ix_runs_history", "runs")
    op.execute(PASSED_AT_ONCE)
    op.create_index("ix_runs_history", "runs", NEW_HISTORY)
    _create_hour_runs()
    _create_hour_images()
    sqlite = op.get_bind().dialect.name == "sqlite"
    hour = "substr(started_at, 1, 13) || ':00:00.000000'" if sqlite else "date_trunc('hour', started_at)"
    op.execute(FILL_HOUR_RUNS.format(hour=hour))
    op.execute(FILL_HOUR_IMAGES.format(hour=hour.replace("started_at", "runs.started_at")))
    for name, query in VIEWS.items():
        op.execute(f"CREATE VIEW {name} AS {query}")


def downgrade() -> None:
    for name in reversed(VIEWS):
        op.execute(f"DROP VIEW {name}")
    op.drop_table("hour_images")
    op.drop_table("hour_runs")
    op.drop_index("ix_runs_history", "runs")
    op.drop_column("runs", "passed_at_once")
    op.create_index("ix_runs_history", "runs", OLD_HISTORY)


def _place() -> list[sa.Column[object]]:
    return [
        sa.Column("hour_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("station_id", sa.String(), nullable=False),
        sa.Column("batch", sa.String(), nullable=True),
        sa.Column("bundle", sa.String(), nullable=False),
        sa.Column("slot", sa.String(), nullable=False),
        sa.Column("operator", sa.String(), nullable=True),
    ]


def _create_hour_runs() -> None:
    op.create_table(
        "hour_runs",
        *_place(),
        sa.Column("outcome", sa.String(), nullable=False),
        sa.Column("code", sa.String(), nullable=True),
        sa.Column("runs", sa.Integer(), nullable=False),
        sa.Column("timed_runs", sa.Integer(), nullable=False),
        sa.Column("duration_s", sa.Double(), nullable=False),
        sa.Column("first_started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_ended_at", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_index("ix_hour_runs_hour_at", "hour_runs", ["hour_at"])
    op.create_index("ix_hour_runs_batch_hour_at", "hour_runs", ["batch", "hour_at"])


def _create_hour_images() -> None:
    op.create_table(
        "hour_images",
        *_place(),
        sa.Column("partition", sa.String(), nullable=False),
        sa.Column("images", sa.Integer(), nullable=False),
        sa.Column("total_s", sa.Double(), nullable=False),
        sa.Column("write_s", sa.Double(), nullable=False),
        sa.Column("written_bytes", sa.Double(), nullable=False),
        sa.Column("retries", sa.Integer(), nullable=False),
    )
    op.create_index("ix_hour_images_hour_at", "hour_images", ["hour_at"])
    op.create_index("ix_hour_images_batch_hour_at", "hour_images", ["batch", "hour_at"])


PASSED_AT_ONCE = """
UPDATE runs SET passed_at_once = TRUE
WHERE outcome = 'PASS' AND coalesce(
    (SELECT outcome FROM attempts WHERE attempts.run_id = runs.run_id ORDER BY number LIMIT 1), 'PASS') = 'PASS'
"""

FILL_HOUR_RUNS = f"""
INSERT INTO hour_runs (hour_at, {PLACE}, outcome, code, runs, timed_runs, duration_s, first_started_at, last_ended_at)
SELECT {{hour}}, {PLACE}, outcome, code, count(*),
    count(CASE WHEN outcome = 'PASS' THEN duration_s END),
    coalesce(sum(CASE WHEN outcome = 'PASS' THEN duration_s END), 0.0),
    min(started_at), max(coalesce(finished_at, started_at))
FROM runs WHERE outcome IS NOT NULL
GROUP BY 1, 2, 3, 4, 5, 6, 7, 8
"""

FILL_HOUR_IMAGES = f"""
INSERT INTO hour_images (hour_at, {PLACE}, partition, images, total_s, write_s, written_bytes, retries)
SELECT {{hour}}, {PLACE}, images.partition,
    count(CASE WHEN attempts.outcome = 'PASS' THEN 1 END),
    coalesce(sum(CASE WHEN attempts.outcome = 'PASS' THEN write_s + verify_s END), 0.0),
    coalesce(sum(CASE WHEN attempts.outcome = 'PASS' THEN write_s END), 0.0),
    coalesce(sum(CASE WHEN attempts.outcome = 'PASS' THEN
        size_bytes * 1.0 * blocks_written / CASE WHEN blocks_total > 1 THEN blocks_total ELSE 1 END END), 0.0),
    count(CASE WHEN attempts.number > 1 THEN 1 END)
FROM runs JOIN attempts ON attempts.run_id = runs.run_id JOIN images ON images.attempt_id = attempts.attempt_id
WHERE runs.outcome IS NOT NULL AND runs.outcome <> 'SKIPPED' AND images.blocks_written > 0
GROUP BY 1, 2, 3, 4, 5, 6, 7
"""

VIEWS: dict[str, str] = {
    "report_units": """
WITH touched AS (
    SELECT runs.*, CASE WHEN outcome IN ('PASS', 'FAIL') THEN 1 ELSE 0 END AS counted FROM runs
    WHERE outcome IS NULL OR outcome <> 'SKIPPED'
), ranked AS (
    SELECT touched.*,
        row_number() OVER (PARTITION BY unit_id, batch ORDER BY counted DESC, started_at, run_id) AS from_first,
        row_number() OVER (PARTITION BY unit_id, batch ORDER BY counted DESC,
            CASE WHEN outcome IS NULL THEN 1 ELSE 0 END, started_at DESC, run_id DESC) AS from_last
    FROM touched
)
SELECT ranked.batch, ranked.unit_id, units.serial, units.identified, count(*) AS runs,
    sum(counted) AS counted_runs,
    max(CASE WHEN from_first = 1 AND counted = 1 THEN outcome END) AS first_outcome,
    max(CASE WHEN from_first = 1 AND counted = 1 AND passed_at_once THEN 1 ELSE 0 END) AS passed_first,
    max(CASE WHEN from_first = 1 AND counted = 1 THEN slot END) AS first_slot,
    max(CASE WHEN from_last = 1 AND counted = 1 AND outcome = 'PASS' THEN 1 ELSE 0 END) AS passed,
    max(CASE WHEN from_last = 1 THEN outcome END) AS latest_outcome,
    max(CASE WHEN from_last = 1 THEN code END) AS latest_code,
    max(CASE WHEN from_last = 1 THEN slot END) AS latest_slot,
    max(started_at) AS last_started_at
FROM ranked JOIN units ON units.unit_id = ranked.unit_id
GROUP BY ranked.batch, ranked.unit_id, units.serial, units.identified
""",
    "report_yield": """
SELECT batch, count(*) AS units_started,
    count(CASE WHEN counted_runs > 0 THEN 1 END) AS units_counted,
    sum(passed_first) AS units_passed_first, sum(passed) AS units_passed,
    sum(passed_first) * 1.0 / nullif(count(CASE WHEN counted_runs > 0 THEN 1 END), 0) AS first_pass_yield,
    sum(passed) * 1.0 / nullif(count(CASE WHEN counted_runs > 0 THEN 1 END), 0) AS final_yield,
    count(CASE WHEN first_outcome = 'FAIL' AND counted_runs > 1 THEN 1 END) AS units_retested,
    count(CASE WHEN first_outcome = 'FAIL' AND counted_runs > 1 AND passed = 1 THEN 1 END) AS units_recovered,
    count(CASE WHEN first_outcome = 'FAIL' AND counted_runs > 1 AND passed = 1 THEN 1 END) * 1.0
        / nullif(count(CASE WHEN first_outcome = 'FAIL' AND counted_runs > 1 THEN 1 END), 0) AS retest_yield
FROM report_units GROUP BY batch
""",
    "report_outcomes": "SELECT batch, outcome, count(*) AS runs FROM runs GROUP BY batch, outcome",
    "report_failures": """
SELECT batch, coalesce(code, '') AS code, outcome, count(*) AS runs, count(DISTINCT unit_id) AS units
FROM runs WHERE outcome IN ('FAIL', 'ERROR') GROUP BY batch, coalesce(code, ''), outcome
""",
    "report_slots": """
SELECT ended.batch, ended.slot, ended.runs, coalesce(firsts.units_counted, 0) AS units_counted,
    coalesce(firsts.units_passed_first, 0) AS units_passed_first,
    firsts.units_passed_first * 1.0 / nullif(firsts.units_counted, 0) AS first_pass_yield,
    ended.mean_s, rates.mib_per_s
FROM (SELECT batch, slot, sum(runs) AS runs, sum(duration_s) / nullif(sum(timed_runs), 0) AS mean_s
      FROM hour_runs WHERE outcome <> 'SKIPPED' GROUP BY batch, slot) AS ended
LEFT JOIN (SELECT batch, first_slot, count(*) AS units_counted, sum(passed_first) AS units_passed_first
           FROM report_units WHERE counted_runs > 0 GROUP BY batch, first_slot) AS firsts
    ON firsts.first_slot = ended.slot AND firsts.batch IS NOT DISTINCT FROM ended.batch
LEFT JOIN (SELECT batch, slot, sum(written_bytes) / 1048576.0 / nullif(sum(write_s), 0) AS mib_per_s
           FROM hour_images GROUP BY batch, slot) AS rates
    ON rates.slot = ended.slot AND rates.batch IS NOT DISTINCT FROM ended.batch
""",
    "report_slot_codes": """
SELECT batch, slot, coalesce(code, '') AS code, sum(runs) AS runs FROM hour_runs
WHERE outcome IN ('FAIL', 'ERROR') GROUP BY batch, slot, coalesce(code, '')
""",
    "report_images": """
SELECT batch, partition, sum(images) AS images, sum(total_s) / nullif(sum(images), 0) AS mean_s,
    sum(written_bytes) / 1048576.0 / nullif(sum(write_s), 0) AS mib_per_s, sum(retries) AS retries
FROM hour_images GROUP BY batch, partition
""",
    "report_durations": """
SELECT batch, max(CASE WHEN place = (runs * 50 + 99) / 100 THEN duration_s END) AS p50_s,
    max(CASE WHEN place = (runs * 95 + 99) / 100 THEN duration_s END) AS p95_s
FROM (SELECT batch, duration_s, row_number() OVER (PARTITION BY batch ORDER BY duration_s) AS place,
          count(*) OVER (PARTITION BY batch) AS runs
      FROM runs WHERE outcome = 'PASS' AND duration_s IS NOT NULL) AS passed
GROUP BY batch
""",
    "report_open_units": """
SELECT batch, serial, latest_outcome, latest_code, latest_slot, runs, last_started_at
FROM report_units WHERE passed = 0
""",
}
