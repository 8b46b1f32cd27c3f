"""What a station recorded reaches the database of all stations: all of it, once, whatever happens on the way."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, Table, select

from station.errors import LedgerError
from station.ledger import central, migrate, shipment, shipper, shipping_state, transactions
from station.ledger.backup import backup
from station.ledger.database import FILE_NAME, open_writer
from station.ledger.reader import Reader
from station.ledger.run_import import import_runs
from station.ledger.shipper import Pusher, Shipper
from station.ledger.tables import (
    ATTEMPTS,
    BATCHES,
    IMAGES,
    MEASUREMENTS,
    PRODUCT_SERIALS,
    RELEASES,
    RUNS,
    SHIPMENTS,
    UNIT_VALUES,
    UNITS,
)
from station.ledger.unit_bindings import bind_unit
from station.ledger.unit_release import release_unit
from station.model.batches import Batch
from station.model.ids import new_id
from station.model.runs import Outcome, RunRecord
from station.model.unit_values import UnitBinding, UnitValues
from station.model.units import Release, RunFilter
from tests.harness import wait_for
from tests.postgres import Postgres
from tests.silent_server import BlackHole
from tests.unit.ledger.builders import OTHER_SERIAL, SERIAL, START, a_run, an_attempt, opened
from tests.unit.ledger.sending import another_log, asking, push, put, writing

LIMIT_S = 60.0
ORDER: dict[Table, tuple[str, ...]] = {
    RUNS: ("run_id",),
    ATTEMPTS: ("attempt_id",),
    IMAGES: ("attempt_id", "position"),
    MEASUREMENTS: ("attempt_id", "position"),
    RELEASES: ("release_id",),
    BATCHES: ("batch_id",),
    PRODUCT_SERIALS: ("binding_id",),
    UNIT_VALUES: ("value_id",),
}


def rows(connection: Connection, table: Table) -> list[dict[str, Any]]:
    """All rows of a table but the unit's key, which is each database's own."""
    query = select(table).order_by(*(table.c[name] for name in ORDER[table]))
    return [
        {name: value for name, value in row.items() if name != "unit_id"}
        for row in connection.execute(query).mappings()
    ]


def in_log(data_dir: Path) -> dict[str, list[dict[str, Any]]]:
    engine = open_writer(data_dir)
    with engine.connect() as connection:
        found = {table.name: rows(connection, table) for table in ORDER}
    engine.dispose()
    found["runs"] = [row for row in found["runs"] if row["outcome"] is not None]
    return found


def in_centre(url: str) -> dict[str, list[dict[str, Any]]]:
    with asking(url) as connection:
        return {table.name: rows(connection, table) for table in ORDER}


def some_runs() -> list[RunRecord]:
    return [
        a_run(Outcome.FAIL, 0, attempts=(an_attempt(1, Outcome.FAIL), an_attempt(2, Outcome.FAIL))),
        a_run(Outcome.PASS, 1),
        a_run(Outcome.SKIPPED, 70, notes=("ünïcode ✓ \0 \ud800",)),
        a_run(Outcome.PASS, 2, serial="no\0thing\ud800", identified=False, batch=None),
        a_run(Outcome.PASS, 3, serial="no\0thing\ud800", identified=False, batch=None),
        a_run(None, 4, serial=OTHER_SERIAL, attempts=()),
    ]


def test_everything_that_is_finished_arrives_as_it_is(data_dir: Path, centre: str) -> None:
    put(data_dir, *some_runs())
    batch = Batch(new_id(), "bench-1", "2026-47", 20, "Ada", START)
    with writing(data_dir) as connection:
        transactions.put_batch(connection, batch)
    release_unit(data_dir, Release(SERIAL, "2026-47", START, "Ada"))
    assert push(data_dir, centre) == 7
    assert in_centre(centre) == in_log(data_dir)
    assert [len(found) for found in in_log(data_dir).values()] == [5, 5, 10, 25, 1, 1, 0, 0]
    assert push(data_dir, centre) == 0


def test_what_changes_later_arrives_too(data_dir: Path, centre: str) -> None:
    """A run that was open, one that is corrected, a release, a batch that ends, a camera that is scrapped."""
    open_run = opened(a_run(minute=5))
    passed = a_run(minute=1)
    batch = Batch(new_id(), "bench-1", "2026-47", 20, "Ada", START)
    put(data_dir, open_run, passed)
    with writing(data_dir) as connection:
        transactions.put_batch(connection, batch)
    assert push(data_dir, centre) == 2
    with writing(data_dir) as connection:
        assert transactions.close_open_runs(connection) == 1
        transactions.put_batch(connection, replace(batch, ended_at=START + timedelta(hours=1)))
    put(data_dir, replace(passed, serial=OTHER_SERIAL, notes=("it was another",)))
    release_unit(data_dir, Release(SERIAL, None, START, "Ada"))
    import_runs(data_dir, [a_run(Outcome.FAIL, 9, code="unit.scrapped", attempts=())])
    bind_unit(data_dir, UnitBinding(OTHER_SERIAL, "bench-1", START, "Ada", "P-1", UnitValues.of({"lens": "L-1"})))
    assert push(data_dir, centre) == 7
    found = in_centre(centre)
    assert found == in_log(data_dir)
    assert {row["code"] for row in found["runs"]} == {None, "station.interrupted", "unit.scrapped"}
    assert [row["product_serial"] for row in found["runs"] if row["serial"] == OTHER_SERIAL] == ["P-1"]
    assert [row["unit_values"] for row in found["runs"] if row["serial"] == OTHER_SERIAL] == [{"lens": "L-1"}]
    assert found["batches"][0]["ended_at"] == START + timedelta(hours=1)


def test_the_centre_finds_units_as_a_station_does(data_dir: Path, centre: str) -> None:
    put(data_dir, a_run(minute=1), a_run(Outcome.FAIL, 2, serial=OTHER_SERIAL))
    values = UnitValues.of({"lens": "L-1"})
    bind_unit(data_dir, UnitBinding(OTHER_SERIAL, "bench-1", START, "Ada", "P-000017", values))
    push(data_dir, centre)
    chosen = RunFilter(where=(("lens", "L-1"),), product_serial="P-000017")
    with closing(Reader.of_central(centre)) as all_stations, closing(Reader(data_dir)) as own:
        for reader in (all_stations, own):
            reader.refuse_unknown_values(chosen.where)
            assert [run.serial for run in reader.runs(chosen)] == [OTHER_SERIAL]
            assert dict(reader.report(chosen).outcomes)[Outcome.FAIL] == 1
            assert [unit.product_serial for unit in reader.failed(where=chosen.where)] == ["P-000017"]
            assert reader.product_named("0017") == "P-000017"
            assert reader.unit(reader.unit_named("0017")).values == values
            assert reader.history(OTHER_SERIAL, None).product_serial == "P-000017"
            assert reader.history(SERIAL, None).product_serial is None
            assert reader.value_keys() == ["lens"]
            assert {line.serial for line in reader.found("P-0000", 5)} == {OTHER_SERIAL}


def test_the_same_again_changes_nothing(data_dir: Path, centre: str) -> None:
    put(data_dir, *some_runs())
    push(data_dir, centre)
    before = in_centre(centre), sums(centre)
    with closing(Pusher(data_dir, "bench-1", centre)) as pusher:
        pusher.push_all_again()
        assert shipper.push(pusher) == 5
    assert (in_centre(centre), sums(centre)) == before


def sums(url: str) -> list[Any]:
    with asking(url) as connection:
        names = ("hour_runs", "hour_images", "hour_measurements")
        found = [row for name in names for row in connection.exec_driver_sql(f"SELECT * FROM {name}")]
    return sorted(repr(row) for row in found)


def test_stations_share_a_unit_and_keep_their_own_sums(data_dir: Path, centre: str, tmp_path: Path) -> None:
    other = another_log(data_dir, tmp_path / "other")
    put(data_dir, a_run(minute=0), a_run(minute=1, serial=OTHER_SERIAL))
    put(other, a_run(Outcome.FAIL, 2, station_id="bench-2"))
    assert (push(data_dir, centre), push(other, centre, "bench-2")) == (2, 1)
    with asking(centre) as connection:
        assert sorted(connection.scalars(select(UNITS.c.serial))) == [SERIAL, OTHER_SERIAL]
        units = select(RUNS.c.unit_id).where(RUNS.c.serial == SERIAL)
        assert len(set(connection.scalars(units))) == 1
    assert len(in_centre(centre)["runs"]) == 3
    together = sums(centre)
    with asking(centre) as connection:
        from station.ledger import hourly_sums

        hourly_sums.rebuild(connection)
        connection.commit()
    assert sums(centre) == together


def test_an_imported_copy_does_not_undo_what_its_own_station_corrected(
    data_dir: Path, centre: str, tmp_path: Path
) -> None:
    other = another_log(data_dir, tmp_path / "other")
    run = a_run()
    import_runs(other, [run])
    put(data_dir, replace(run, notes=("corrected",)))
    push(data_dir, centre)
    push(other, centre, "bench-2")
    assert [row["notes"] for row in in_centre(centre)["runs"]] == [["corrected"]]


def test_an_older_log_in_its_place_is_sent_whole(data_dir: Path, centre: str, tmp_path: Path) -> None:
    put(data_dir, a_run(minute=0))
    copy = tmp_path / "backup.sqlite3"
    backup(data_dir, copy)
    put(data_dir, a_run(minute=1))
    assert push(data_dir, centre) == 2
    for name in (FILE_NAME, f"{FILE_NAME}-wal", f"{FILE_NAME}-shm"):
        (data_dir / name).unlink(missing_ok=True)
    shutil.copy(copy, data_dir / FILE_NAME)
    assert push(data_dir, centre) == 1
    put(data_dir, a_run(minute=2))
    assert push(data_dir, centre) == 1
    assert len(in_centre(centre)["runs"]) == 3


def test_an_upgraded_log_sends_what_it_had(data_dir: Path, centre: str) -> None:
    put(data_dir, *some_runs())
    release_unit(data_dir, Release(SERIAL, None, START, "Ada"))
    migrate.to(data_dir, "0007")
    migrate.to(data_dir, "head")
    assert push(data_dir, centre) == 6
    assert in_centre(centre) == in_log(data_dir)


def test_a_row_that_the_centre_cannot_hold_holds_nothing_up(data_dir: Path, centre: str) -> None:
    good, bad, later = (
        a_run(minute=0),
        a_run(minute=1, attempts=(replace(an_attempt(), number=2**40),)),
        a_run(minute=2),
    )
    put(data_dir, good, bad, later)
    assert push(data_dir, centre) == 3
    assert [row["run_id"] for row in in_centre(centre)["runs"]] == [good.run_id, later.run_id]
    assert shipping_state.read(data_dir).refused == 1


def test_the_server_is_stopped_between_and_within(data_dir: Path, centre: str, postgres: Postgres) -> None:
    """What the server had not committed is sent again; a commit whose answer was lost is not sent twice."""
    put(data_dir, a_run(minute=0))
    with closing(Pusher(data_dir, "bench-1", centre)) as pusher:
        postgres.stop(signal.SIGQUIT)
        try:
            with pytest.raises(LedgerError, match=r"the central database .* cannot be used") as refused:
                pusher.push()
        finally:
            postgres.start()
        assert refused.value.code == "central.unreachable"
        assert "se cret" not in refused.value.message
        assert shipper.push(pusher) == 1
        put(data_dir, a_run(minute=1))
        lose_the_answer(pusher)
        with pytest.raises(LedgerError, match="cannot be used"):
            pusher.push()
        pusher.__dict__.pop("_sent")
        assert shipper.push(pusher) == 0
    assert in_centre(centre) == in_log(data_dir)


def lose_the_answer(pusher: Pusher) -> None:
    """The commit came through, and the station does not know."""

    def lost(*_given: object) -> None:
        raise LedgerError("central.unreachable", "the central database cannot be used: its answer was lost")

    pusher.__dict__["_sent"] = lost


KILLED = """
import os, sys
from pathlib import Path
from station.ledger import hourly_sums, shipment, shipper
step, data_dir, url = sys.argv[1:]
def die(*_): os.kill(os.getpid(), 9)
pusher = shipper.Pusher(Path(data_dir), "bench-1", url)
if step == "before the commit":
    hourly_sums.refresh_stations = die
else:
    pusher._sent = die
shipper.push(pusher)
"""


@pytest.mark.parametrize(("step", "left"), [("before the commit", 2), ("after the commit", 0)])
def test_a_station_that_is_killed_goes_on_where_the_centre_is(
    data_dir: Path, centre: str, step: str, left: int
) -> None:
    put(data_dir, a_run(minute=0), a_run(minute=1))
    killed = subprocess.run([sys.executable, "-c", KILLED, step, str(data_dir), centre], timeout=LIMIT_S, check=False)
    assert killed.returncode == -signal.SIGKILL
    assert push(data_dir, centre) == left
    assert in_centre(centre) == in_log(data_dir)


def test_two_senders_of_one_log_send_nothing_twice(
    data_dir: Path, centre: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A line, and somebody who pushes by hand."""
    monkeypatch.setattr(shipper, "BATCH", 3)
    put(data_dir, *(a_run(minute=minute, serial=str(minute)) for minute in range(30)))
    threads = [threading.Thread(target=push_until_sent, args=(data_dir, centre)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(LIMIT_S)
    assert in_centre(centre) == in_log(data_dir)
    total = sum_of_runs(centre)
    assert total == 30


def push_until_sent(data_dir: Path, url: str) -> None:
    with closing(Pusher(data_dir, "bench-1", url)) as pusher:
        while pusher.has_more():
            shipper.push(pusher)


def sum_of_runs(url: str) -> int:
    with asking(url) as connection:
        return int(connection.exec_driver_sql("SELECT sum(runs) FROM hour_runs").scalar_one())


def test_a_centre_without_tables_or_of_another_version_is_refused(data_dir: Path, postgres: Postgres) -> None:
    put(data_dir, a_run())
    name = postgres.new_database()
    with pytest.raises(LedgerError) as refused:
        push(data_dir, postgres.url(name))
    assert refused.value.code == "central.schema_outdated"
    central.upgrade(postgres.url(name))
    with postgres.connect(name) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(LedgerError) as newer:
        push(data_dir, postgres.url(name))
    assert newer.value.code == "central.schema_unknown"


FULL = "could not extend file: No space left on device"
IN_THE_WAY = f"""
CREATE FUNCTION full_() RETURNS trigger LANGUAGE plpgsql
AS $$ BEGIN RAISE EXCEPTION '{FULL}' USING ERRCODE = '53100'; END $$;
CREATE TRIGGER full_ BEFORE INSERT ON runs FOR EACH ROW EXECUTE FUNCTION full_();
"""


@pytest.mark.parametrize(
    ("statement", "code", "words"),
    [
        ("ALTER DATABASE {name} SET default_transaction_read_only = on", "central.refused", "read-only transaction"),
        (IN_THE_WAY, "central.unreachable", FULL),
        ("DROP TABLE attempts CASCADE", "central.unreachable", "attempts"),
    ],
    ids=["read-only", "full", "a table is missing"],
)
def test_a_centre_that_can_be_read_and_takes_nothing_is_seen_by_who_asks(
    data_dir: Path, postgres: Postgres, statement: str, code: str, words: str
) -> None:
    """By the push, and also by who only asks: nothing is there twice, and nothing was sent by asking."""
    name = postgres.new_database()
    url = postgres.url(name)
    central.upgrade(url)
    put(data_dir, a_run())
    with postgres.connect(name) as connection:
        connection.execute(statement.replace("{name}", name).encode())
    for act in (Pusher.push, Pusher.ask):
        with closing(Pusher(data_dir, "bench-1", url)) as pusher, pytest.raises(LedgerError) as refused:
            act(pusher)
        assert refused.value.code == code
        assert words in refused.value.message
    with closing(Pusher(data_dir, "bench-1", url)) as pusher:
        assert pusher.has_more()


def test_a_role_that_may_only_look_is_told_so(data_dir: Path, centre: str, postgres: Postgres) -> None:
    put(data_dir, a_run())
    name = centre.partition("@/")[2].partition("?")[0]
    with postgres.connect(name) as connection:
        connection.execute("CREATE ROLE looker LOGIN; GRANT SELECT ON ALL TABLES IN SCHEMA public TO looker")
    try:
        for act in (Pusher.push, Pusher.ask):
            looker = Pusher(data_dir, "bench-1", centre.replace("station:", "looker:"))
            with closing(looker), pytest.raises(LedgerError, match="permission denied") as refused:
                act(looker)
            assert refused.value.code == "central.refused"
    finally:
        with postgres.connect(name) as connection:
            connection.execute("DROP OWNED BY looker; DROP ROLE looker")


def test_who_asks_sends_nothing(data_dir: Path, centre: str) -> None:
    put(data_dir, a_run())
    with closing(Pusher(data_dir, "bench-1", centre)) as pusher:
        pusher.ask()
        assert (pusher.state.waiting, pusher.state.code) == (1, None)
    assert in_centre(centre)["runs"] == []
    assert push(data_dir, centre) == 1


def test_a_centre_that_cannot_hold_every_text_is_refused(data_dir: Path, postgres: Postgres) -> None:
    with postgres.connect() as connection:
        connection.execute("CREATE DATABASE latin ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0")
    put(data_dir, replace(a_run(), operator="\U0001f600 \u6f22"))
    for act in (lambda: central.upgrade(postgres.url("latin")), lambda: push(data_dir, postgres.url("latin"))):
        with pytest.raises(LedgerError, match="LATIN1") as refused:
            act()
        assert refused.value.code == "central.encoding"


def test_two_machines_with_one_id_are_seen_and_a_new_log_in_an_old_ones_place_is_not(
    data_dir: Path, centre: str, tmp_path: Path
) -> None:
    put(data_dir, a_run())
    push(data_dir, centre)
    twin = another_log(data_dir, tmp_path / "twin")
    with closing(Pusher(twin, "bench-1", centre)) as pusher:
        shipper.push(pusher)
        assert pusher.state.twin_at is None, "the other one may have been its predecessor"
    put(data_dir, a_run(minute=1))
    push(data_dir, centre)
    for folder in (twin, data_dir):
        with closing(Pusher(folder, "bench-1", centre)) as pusher:
            pusher.ask()
            assert pusher.state.twin_at is not None
            assert shipping_state.read(folder).twin_at == pusher.state.twin_at
    with closing(Pusher(twin, "bench-2", centre)) as pusher:
        pusher.ask()
        assert pusher.state.twin_at is None


def test_one_label_that_two_stations_bound_to_two_cameras_is_not_passed_over_in_silence(
    data_dir: Path, centre: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The first one counts; who asks at the other station sees that the centre has it otherwise; the log names it."""
    other = another_log(data_dir, tmp_path / "other")
    for folder, serial, station_id in ((data_dir, SERIAL, "bench-1"), (other, OTHER_SERIAL, "bench-2")):
        put(folder, a_run(serial=serial))
        bind_unit(folder, UnitBinding(serial, station_id, datetime.now(UTC), "Ada", "P-1"))
    push(data_dir, centre)
    with closing(Pusher(other, "bench-2", centre)) as pusher:
        shipper.push(pusher)
        assert pusher.state.refused == 1
        pusher.ask()
        assert (pusher.state.refused, pusher.state.waiting) == (1, 0)
    assert (
        f"product serial P-1 is bound to {OTHER_SERIAL} here; in the central database it is of {SERIAL}" in caplog.text
    )
    with closing(Pusher(data_dir, "bench-1", centre)) as pusher:
        pusher.push_all_again()
        shipper.push(pusher)
        assert pusher.state.refused == 0


def test_a_centre_in_parts_of_a_month_takes_the_same(data_dir: Path, postgres: Postgres) -> None:
    name = postgres.new_database()
    central.upgrade(postgres.url(name))
    with postgres.connect(name) as connection:
        connection.execute((Path(__file__).parents[3] / "deploy/central/by_month.sql").read_bytes())
    put(data_dir, *some_runs())
    push(data_dir, postgres.url(name))
    assert in_centre(postgres.url(name)) == in_log(data_dir)
    with postgres.connect(name) as connection:
        found = connection.execute(b"SELECT DISTINCT tableoid::regclass::text FROM images").fetchall()
    assert [table for (table,) in found] == [f"images_{datetime.now(UTC):%Y_%m}"]


def test_virtual_and_real_cameras_never_meet(data_dir: Path, centre: str) -> None:
    put(data_dir, a_run())
    push(data_dir, centre)
    with closing(Pusher(data_dir, "bench-2", centre, virtual=True)) as pusher, pytest.raises(LedgerError) as refused:
        pusher.push()
    assert refused.value.code == "central.other_cameras"


def test_a_centre_that_never_answers_holds_nobody_up(
    data_dir: Path, black_hole: BlackHole, new_recorder: Callable[..., Any], replies: Any
) -> None:
    """The line records while the sender waits for the silent server, and can end then: the sender lets it go."""
    from station.model.events import RunCommitted, RunFinished

    sender = Shipper(Pusher(data_dir, "bench-1", black_hole.url))
    sender.start()
    wait_for(lambda: black_hole.taken, "the sender has connected")
    recorder = new_recorder()
    run = a_run()
    recorder.submit(RunFinished(run))
    assert replies.next() == RunCommitted(run)
    sender.close(0)
    assert in_log(data_dir)["runs"][0]["run_id"] == run.run_id


def test_a_server_that_falls_silent_in_the_middle_is_given_up(
    data_dir: Path, centre: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has taken the statement, and the kernel sees no fault: only the sender's own limit ends that."""
    monkeypatch.setattr(shipper, "LIMIT_S", 0.5)
    put(data_dir, a_run())

    def silent(connection: Connection, *_given: object) -> bool:
        connection.exec_driver_sql("SET statement_timeout = 0")
        connection.exec_driver_sql("SELECT pg_sleep(300)")
        return True

    with closing(Pusher(data_dir, "bench-1", centre)) as pusher:
        with monkeypatch.context() as stuck:
            stuck.setattr(shipment, "put", silent)
            with pytest.raises(LedgerError, match="cannot be used"):
                pusher.push()
        monkeypatch.setattr(shipper, "LIMIT_S", 60.0)
        assert shipper.push(pusher) == 1


def test_a_line_sends_by_itself_and_comes_back(data_dir: Path, centre: str, postgres: Postgres) -> None:
    sender = Shipper(Pusher(data_dir, "bench-1", centre))
    sender.start()
    put(data_dir, a_run(minute=0))
    wait_for(lambda: len(in_centre(centre)["runs"]) == 1, "the first run")
    postgres.stop()
    try:
        put(data_dir, a_run(minute=1))
        wait_for(lambda: shipping_state.read(data_dir).code == "central.unreachable", "the sender has noticed")
        assert shipping_state.read(data_dir).waiting == 1
    finally:
        postgres.start()
    put(data_dir, a_run(minute=2))
    wait_for(lambda: len(in_centre(centre)["runs"]) == 3, "all runs")
    put(data_dir, a_run(minute=3))
    sender.close(LIMIT_S)
    assert in_centre(centre) == in_log(data_dir)
    state = shipping_state.read(data_dir)
    assert (state.code, state.waiting) == (None, 0)


def test_the_reader_of_a_station_is_not_disturbed(data_dir: Path, centre: str) -> None:
    put(data_dir, a_run())
    push(data_dir, centre)
    with closing(Reader(data_dir)) as reader:
        assert reader.run_count() == 1
    with asking(centre) as connection:
        assert connection.execute(select(SHIPMENTS.c.station_id)).scalars().all() == ["bench-1"]
