"""Write rates are of images of which enough was written to tell.

Revision 0007, after 0006. `write_s` and `written_bytes` of `hour_images` leave out images of which less than 64 blocks
and less than a quarter was written. The table's other sums are as they were; all are made again from the runs.
"""

from __future__ import annotations

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

ENOUGH = "images.blocks_written >= 64 OR images.blocks_written * 4 >= images.blocks_total"
KEYS = "station_id, batch, bundle, slot, operator, purpose"


def upgrade() -> None:
    _fill(ENOUGH)


def downgrade() -> None:
    _fill("1 = 1")


def _fill(enough: str) -> None:
    sqlite = op.get_bind().dialect.name == "sqlite"
    started = "runs.started_at"
    hour = f"substr({started}, 1, 13) || ':00:00.000000'" if sqlite else f"date_trunc('hour', {started})"
    op.execute("DELETE FROM hour_images")
    op.execute(FILL.format(hour=hour, enough=f"attempts.outcome = 'PASS' AND ({enough})"))


FILL = f"""
INSERT INTO hour_images (hour_at, {KEYS}, partition, images, total_s, write_s, written_bytes, retries)
SELECT {{hour}}, {KEYS}, images.partition,
    count(CASE WHEN attempts.outcome = 'PASS' THEN 1 END),
    coalesce(sum(CASE WHEN attempts.outcome = 'PASS' THEN write_s + verify_s END), 0.0),
    coalesce(sum(CASE WHEN {{enough}} THEN write_s END), 0.0),
    coalesce(sum(CASE WHEN {{enough}} THEN
        size_bytes * 1.0 * blocks_written / CASE WHEN blocks_total > 1 THEN blocks_total ELSE 1 END END), 0.0),
    count(CASE WHEN attempts.number > 1 THEN 1 END)
FROM runs JOIN attempts ON attempts.run_id = runs.run_id JOIN images ON images.attempt_id = attempts.attempt_id
WHERE runs.outcome IS NOT NULL AND runs.outcome <> 'SKIPPED' AND images.blocks_written > 0
GROUP BY 1, 2, 3, 4, 5, 6, 7, 8
"""
