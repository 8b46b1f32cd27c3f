"""What a unit is called in the factory, said while a real line works: nothing is written without it where it is
required, and nothing is bound to a camera that is not there."""

from __future__ import annotations

import json
import sqlite3
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from station.control.client import ask
from station.control.requests import BindUnit, TakeSnapshot
from station.errors import UsageError
from tests.harness import Bench, station, wait_for
from tests.integration.conftest import MakeBench, camera, serial


def settings_in(where: Path, *, required: bool) -> Path:
    file = where / "station.toml"
    file.write_text(
        f'[product_serial]\npattern = "P-[0-9]{{4}}"\nrequired = {str(required).lower()}\n'
        '[unit_values.lens]\npattern = "L-[0-9]+"\nprefix = "LENS:"\n'
    )
    return file


def shown(bench: Bench, number: int) -> dict[str, Any]:
    slots = ask(bench.data_dir, TakeSnapshot())["snapshot"]["slots"]
    return next((slot for slot in slots if slot["port_path"] == f"1-1.{number}"), {})


def waits(bench: Bench, number: int) -> bool:
    return shown(bench, number).get("code") == "product.unbound"


def rows(bench: Bench, question: str) -> list[tuple[Any, ...]]:
    with sqlite3.connect(bench.data_dir / "station.sqlite3") as log:
        return log.execute(question).fetchall()


def refusal(bench: Bench, request: BindUnit) -> tuple[str, str]:
    with pytest.raises(UsageError) as refused:
        ask(bench.data_dir, request)
    return refused.value.code, str(refused.value.message)


def test_a_camera_waits_until_it_is_bound_and_everything_carries_it(make_bench: MakeBench, tmp_path: Path) -> None:
    bench = make_bench([camera(1), camera(2)])
    config = settings_in(tmp_path, required=True)
    with bench.station("--config", config, "--stop-after", "2", "--operator", "ann") as running:
        for number in (1, 2):
            wait_for(partial(waits, bench, number), "it waits")
            assert bench.blocks_written(serial(number)) == 0
        answer = ask(bench.data_dir, BindUnit("1-1.1", serial(1), "P-0001", (("lens", "L-7"),)))
        assert answer["bound"]["product_serial"] == "P-0001"
        assert rows(bench, "SELECT product_serial, serial, bound_by FROM product_serials") == [
            ("P-0001", serial(1), "ann")
        ], "it is in the log when the answer comes"
        run = running.run()
        assert (run["outcome"], run["product_serial"], run["unit_values"]) == ("PASS", "P-0001", {"lens": "L-7"})
        assert bench.blocks_written(serial(2)) == 0, "the other one still waits"
        done = station("bind", serial(2), "P-0002", "--config", config, "--data-dir", bench.data_dir)
        assert done.returncode == 0, done.stderr
        run = running.run()
        assert (run["outcome"], run["product_serial"], run["unit_values"]) == ("PASS", "P-0002", {})
        assert running.end() == 0
    where = ("--data-dir", bench.data_dir)
    (line,) = station("export", "--where", "lens=L-7", *where).stdout.splitlines()
    assert json.loads(line)["product_serial"] == "P-0001"
    table = station("export", "--format", "csv", "--product", "0002", *where).stdout.splitlines()
    assert table[0].endswith(",unit_values.lens")
    assert all("P-0002" in row for row in table[1:])
    report = json.loads(station("report", "--where", "lens=L-7", "--json", *where).stdout)
    assert (report["units_started"], report["units_passed"]) == (1, 1)
    assert station("report", "--where", "lens=L-8", *where).returncode == 2
    told = station("unit", "0002", *where).stdout
    assert f"unit {serial(2)}" in told
    assert "product serial P-0002" in told


def test_what_is_refused_binds_nothing(make_bench: MakeBench, tmp_path: Path) -> None:
    bench = make_bench([camera(1), camera(2)])
    config = settings_in(tmp_path, required=True)
    with bench.station("--config", config, "--stop-after", "2") as running:
        for number in (1, 2):
            wait_for(partial(waits, bench, number), "it waits")
        assert refusal(bench, BindUnit("1-1.1", serial(1), "A1"))[0] == "product.form"
        assert refusal(bench, BindUnit("1-1.1", serial(2), "P-0001"))[0] == "product.camera_changed"
        assert refusal(bench, BindUnit("1-1.3", serial(1), "P-0001"))[0] == "product.camera_changed"
        assert refusal(bench, BindUnit("1-1.1", serial(1), None, (("colour", "red"),)))[0] == "value.unknown_key"
        ask(bench.data_dir, BindUnit("1-1.1", serial(1), "P-0001", (("lens", "L-7"),)))
        code, text = refusal(bench, BindUnit("1-1.2", serial(2), "P-0001"))
        assert (code, serial(1) in text) == ("product.taken", True)
        code, text = refusal(bench, BindUnit("1-1.1", serial(1), "P-0009"))
        assert (code, "P-0001" in text) == ("product.unit_has_another", True)
        code, text = refusal(bench, BindUnit("1-1.1", serial(1), None, (("lens", "L-8"),)))
        assert (code, "L-7" in text) == ("value.known", True)
        assert running.run()["product_serial"] == "P-0001"
        bench.line.unplug(serial(2))
        aborted = running.run()
        assert (aborted["code"], aborted["product_serial"]) == ("operator.unplugged", None)
        assert bench.blocks_written(serial(2)) == 0
        assert refusal(bench, BindUnit("1-1.2", serial(2), "P-0002"))[0] in ("product.camera_changed", "usage.no_line")
        running.end()
    assert [row[0] for row in rows(bench, "SELECT product_serial FROM product_serials")] == ["P-0001"]


def test_one_that_is_bound_already_does_not_wait(make_bench: MakeBench, tmp_path: Path) -> None:
    bench = make_bench([camera(1)])
    config = settings_in(tmp_path, required=True)
    bound = station("bind", serial(1), "P-0001", "--config", config, "--data-dir", bench.data_dir)
    assert bound.returncode == 0, bound.stderr
    with bench.station("--config", config, "--stop-after", "1") as running:
        run = running.run()
        assert running.end() == 0
    assert (run["outcome"], run["product_serial"]) == ("PASS", "P-0001")


def test_killed_while_a_camera_waits_and_bound_in_between(make_bench: MakeBench, tmp_path: Path) -> None:
    bench = make_bench([camera(1)])
    config = settings_in(tmp_path, required=True)
    with bench.station("--config", config) as running:
        wait_for(partial(waits, bench, 1), "it waits")
        ask(bench.data_dir, BindUnit("", serial(1), "P-0001"))
        running.process.kill()
        running.process.wait()
    with bench.station("--config", config, "--stop-after", "1", plug=False) as running:
        bench.line.replug(serial(1))
        run = running.run()
        running.end()
    assert run["product_serial"] == "P-0001"
    assert {row[0] for row in rows(bench, "SELECT product_serial FROM runs")} == {"P-0001"}


def test_without_the_requirement_it_is_flashed_and_bound_afterwards(make_bench: MakeBench, tmp_path: Path) -> None:
    bench = make_bench([camera(1)])
    config = settings_in(tmp_path, required=False)
    with bench.station("--config", config) as running:
        assert running.run()["product_serial"] is None
        ask(bench.data_dir, BindUnit("1-1.1", serial(1), "P-0001", (("lens", "L-7"),)))
        slot = shown(bench, 1)
        assert (slot["product_serial"], slot["unit_values"]) == ("P-0001", [["lens", "L-7"]])
        running.interrupt()
        running.end()
    assert rows(bench, "SELECT product_serial, unit_values FROM runs") == [("P-0001", '{"lens": "L-7"}')]
