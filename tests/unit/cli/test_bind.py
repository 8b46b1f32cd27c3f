"""`station bind`: a camera and the serial on its label."""

from __future__ import annotations

import json
from pathlib import Path

from tests.harness import station
from tests.unit.ledger.builders import OTHER_SERIAL, SERIAL


def test_bind_and_what_it_refuses(tmp_path: Path) -> None:
    config = tmp_path / "station.toml"
    config.write_text('[product_serial]\npattern = "[0-9]{11}"\ncheck_digit = "luhn"\n')
    where = ("--config", config, "--data-dir", tmp_path / "data")

    def code_of(*words: str) -> str:
        done = station("bind", *words, *where)
        assert done.returncode == 2
        return done.stderr.partition(":")[0]

    assert code_of(SERIAL, "P-17") == "product.form"
    assert code_of(SERIAL, "79927398714") == "product.check_digit"
    assert code_of("2233", "79927398713") == "usage.unknown_unit"
    done = station("bind", SERIAL, "79927398713", "--by", "Ada", "--json", *where)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert (found["serial"], found["product_serial"], found["bound_by"]) == (SERIAL, "79927398713", "Ada")
    assert station("bind", SERIAL, "79927398713", *where).returncode == 0
    assert code_of(OTHER_SERIAL, "79927398713") == "product.taken"
    assert code_of(SERIAL, "18") == "product.form"
