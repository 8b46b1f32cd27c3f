"""A camera that wanders between stations that share one database."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from station.ledger import central
from station.wiring.central import NOT_ASKED
from tests.harness import Bench, station
from tests.integration.conftest import MakeBench, camera, serial
from tests.postgres import Postgres, postgres_for_tests


@pytest.fixture(scope="module")
def server() -> Iterator[Postgres]:
    with postgres_for_tests() as made:
        yield made


@pytest.fixture
def url(server: Postgres) -> str:
    made = server.url(server.new_database())
    central.upgrade(made)
    return made


def test_what_passed_on_one_station_is_left_alone_on_another(make_bench: MakeBench, url: str, tmp_path: Path) -> None:
    """It is held and looked into, and nothing is written."""
    # With a limit that this machine's load does not reach.
    shared = {"STATION_CENTRAL__URL": url, "STATION_CENTRAL__ASK_S": "2"}
    third = make_bench([camera(1), camera(2)])
    seventh = Bench(third.line, tmp_path / "seventh", third.release)
    with third.station("--stop-after", "2", STATION_ID="bench-3", environment=shared) as running:
        assert {run["outcome"] for run in running.runs(2)} == {"PASS"}
        assert running.end() == 0
    written = third.blocks_written(serial(1))
    for number in (1, 2):
        third.line.unplug(serial(number))
    with seventh.station("--stop-after", "1", plug=False, STATION_ID="bench-7", environment=shared) as running:
        third.line.plug(serial(1))
        skipped = running.run()
        assert running.end() == 0
    assert (skipped["outcome"], skipped["code"]) == ("SKIPPED", "unit.already_passed"), skipped["notes"]
    assert "by the central log, station bench-3 had this camera last" in skipped["notes"]
    assert third.blocks_written(serial(1)) == written
    found = station("export", "--central", "--data-dir", seventh.data_dir, STATION_CENTRAL__URL=url).stdout
    assert found.count('"bench-3"') == 2
    assert found.count('"bench-7"') == 1


def test_a_station_whose_centre_is_away_goes_on_by_its_own_log(
    make_bench: MakeBench, url: str, server: Postgres
) -> None:
    bench = make_bench([camera(1)])
    given = {"STATION_CENTRAL__URL": url, "STATION_ID": "bench-3"}

    def command(*words: str) -> str:
        return station("central", *words, "--data-dir", bench.data_dir, limit_s=60, **given).stdout

    server.stop()
    try:
        with bench.station("--stop-after", "1", STATION_CENTRAL__URL=url, STATION_ID="bench-3") as running:
            run = running.run()
            assert running.end() == 0
    finally:
        server.start()
    assert (run["outcome"], run["notes"]) == ("PASS", [NOT_ASKED])
    assert "1 changes wait" in command("status")
    command("push")
    assert "the central database has all of this log" in command("status")
