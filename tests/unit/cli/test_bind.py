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


def test_a_label_is_the_same_text_as_on_the_screen(tmp_path: Path) -> None:
    """Also where the scanner's own marks, blanks and the separators of a GS1 label come with it: never two bindings."""
    config = tmp_path / "station.toml"
    config.write_text('[scanner]\nprefixes = ["~"]\n')
    where = ("--config", config, "--data-dir", tmp_path / "data")
    for label in ("0095011-17", " ]C10095011-17\r\n", "~0095011-17", "]d2009\x1d5011-17"):
        done = station("bind", SERIAL, label, "--json", *where)
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)["product_serial"] == "0095011-17"
    taken = station("bind", OTHER_SERIAL, "]C10095011-17", *where)
    assert (taken.returncode, taken.stderr.partition(":")[0]) == (2, "product.taken")
    done = station("bind", OTHER_SERIAL, "95011-17", *where)
    assert done.returncode == 0, "a leading zero makes another serial"
    wrong = station("bind", SERIAL, "a\u202eb", *where)
    assert (wrong.returncode, wrong.stderr.partition(":")[0]) == (2, "product.form")
