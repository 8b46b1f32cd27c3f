"""What a command line or a file says wrongly is refused with a code, in our words, with what to do."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.cli.conftest import Station

PYTHONS_WORDS = ("Errno", "Traceback", "Expecting", "valid int", "x<=", "x>=", "Error:", "<class", "argparse", "char ")


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (
            ["run", "--simulate", "abc"],
            "usage.invalid",
            '--simulate: found "abc"; allowed: a whole number from 1 to 120',
        ),
        (["run", "--simulate", "0"], "usage.invalid", '--simulate: found "0"; allowed: a whole number from 1 to 120'),
        (["run", "--stop-after", "-1"], "usage.invalid", '--stop-after: found "-1"; allowed: a whole number from 1.'),
        (
            ["demo", "--cameras", "1.5"],
            "usage.invalid",
            '--cameras: found "1.5"; allowed: a whole number from 1 to 120',
        ),
        (["web", "--port", "99999"], "usage.invalid", '--port: found "99999"; allowed: a whole number from 1 to 65535'),
        (["report", "--nosuch"], "usage.invalid", "there is no option --nosuch here"),
        (["report", "--bath", "x"], "usage.invalid", "did you mean --batch?"),
        (["report", "extra"], "usage.invalid", "nothing is known to be done with: extra"),
        (["report", "--batch"], "usage.invalid", "--batch needs a value behind it"),
        (["report", "--explain=yes"], "usage.invalid", "--explain takes no value"),
        (["unit"], "usage.invalid", "SERIAL is missing"),
        (["bundle", "lits"], "usage.invalid", "did you mean list?"),
        (["sim"], "usage.invalid", "a command is missing"),
        (["sim", "serve", "d", "--spec", "none.json"], "settings.unreadable", "none.json: there is no such file"),
        (["sim", "serve", "d", "--spec", "bad.json"], "settings.unreadable", "bad.json: it is not JSON at line 2"),
        (["sim", "serve", "d", "--spec", "bytes"], "settings.unreadable", "bytes: it is not UTF-8 text"),
        (["sim", "serve", "d", "--spec", "list.json"], "settings.invalid", "list.json: "),
        (["sim", "serve", "d", "--spec", "/dev/zero"], "settings.unreadable", "/dev/zero: larger than"),
        (["sim", "serve", "d", "--spec", "."], "settings.unreadable", ".: it is a folder"),
        (["sim", "serve", "d", "--tcp", "nowhere"], "usage.address", '--tcp: found "nowhere"'),
        (["sim", "serve", "d", "--tcp", "127.0.0.1:99999"], "usage.address", "--tcp: found"),
        (["sim", "serve", "bad.json/x"], "usage.output", "cannot make the folder"),
        (["sim", "tell", "d", "{"], "usage.json", "it is not JSON at line 1"),
        (["sim", "tell", "d", "[]"], "usage.json", "no object"),
        (["sim", "tell", "d", "{}"], "usage.no_sim", "no bench answers in d."),
        (["import", "none"], "usage.import", "none cannot be read: there is no such file"),
        (["import", "bad.json"], "usage.import", "line 1 of bad.json is no run: it is not JSON at line 2"),
        (["import", "bytes"], "usage.import", "bytes cannot be read: it is not UTF-8 text"),
        (["report", "--since", "2h", "--until", "5h"], "usage.time", '"5h" is not after "2h"'),
        (["report", "--config", "bad.json"], "settings.invalid", "bad.json: not TOML at line 1, character 2."),
        (["report", "--config", "twice.toml"], "settings.invalid", "not TOML at line 2, character 6: a name is there"),
        (["report", "--config", "cut.toml"], "settings.invalid", "cut.toml: not TOML at its end."),
        (["report", "--batch", ""], "usage.empty", "station report: --batch is an empty text"),
        (["run", "--headless", "--operator= "], "usage.empty", "station run: --operator is an empty text"),
        (["unit", " "], "usage.empty", "station unit: a name is an empty text"),
        (["run", "--simulate", "2", "--sim", "d"], "usage.two_benches", "--simulate and --sim are both given"),
        (["import", "/dev/zero"], "usage.import", "line 1 of /dev/zero is no run: it does not end"),
        (["bundle", "demo", "."], "usage.file_exists", "there is something in the folder"),
        (["bundle", "demo", "bad.json/x"], "usage.output", "cannot make a release in bad.json/x"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_a_refusal_has_a_code_and_our_words(
    station: Station, tmp_path: Path, words: list[str], code: str, said: str
) -> None:
    (tmp_path / "bad.json").write_text("[\n")
    (tmp_path / "list.json").write_text("[7]")
    (tmp_path / "twice.toml").write_text("x = 1\nx = 2\n")
    (tmp_path / "cut.toml").write_text("x = 'a")
    (tmp_path / "bytes").write_bytes(b"\xff\xfe\n")
    told = station(*words)
    assert (told.exit_code, told.out) == (2, "")
    assert told.err.startswith(f"{code}: ")
    assert said in told.err
    assert told.err.count("\n") == 1
    assert not [word for word in PYTHONS_WORDS if word in told.err]


@pytest.mark.parametrize(
    "words",
    [
        ["report", "--data-dir", ""],
        ["report", "--data-dir="],
        ["report", "--config", " "],
        ["report", "--output", ""],
        ["run", "--sim", ""],
        ["flash", ""],
        ["bundle", "import", ""],
        ["bundle", "demo", ""],
        ["import", ""],
        ["db", "backup", ""],
        ["sim", "serve", ""],
        ["sim", "serve", "d", "--spec", ""],
        ["sim", "tell", "", "{}"],
        ["demo", "--headless", "--data-dir", ""],
    ],
    ids=" ".join,
)
def test_an_empty_path_is_not_the_current_folder(station: Station, tmp_path: Path, words: list[str]) -> None:
    before = sorted(tmp_path.rglob("*"))
    told = station(*words)
    assert (told.exit_code, told.out) == (2, "")
    assert told.err.startswith("usage.empty: ")
    assert "shell variable" in told.err
    assert [path for path in sorted(tmp_path.rglob("*")) if path not in before and path.parent == tmp_path] == []
