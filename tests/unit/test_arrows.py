"""The script that draws the picture of the code, on a small made-up one."""

from __future__ import annotations

from pathlib import Path

from tests.arrows import floors, picture, printed


def test_modules_lines_floors_and_arrows_of_a_package(tmp_path: Path) -> None:
    files = {
        "__init__.py": "",
        "errors.py": "",
        "line/__init__.py": "",
        "line/slot.py": "from station.errors import A\n",
        "line/step.py": "from station.line.slot import B\nfrom station.line import slot\nimport station.usb.bus\n",
        "line/loop.py": "from station.line import step\ndef f():\n    from station.usb import bus\n",
        "usb/__init__.py": "",
        "usb/bus.py": "import os\n",
    }
    for name, text in files.items():
        path = tmp_path / "station" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    found = picture(tmp_path)
    line = found["line"]
    assert (line.modules, line.lines, line.floors, dict(line.arrows)) == (4, 7, 3, {"usb": 2, "(top)": 1})
    assert (found["usb"].modules, found["usb"].arrows.total()) == (2, 0)
    assert [row.split()[:2] for row in printed(found)][1:] == [
        ["(top)", "2"],
        ["line", "4"],
        ["usb", "2"],
        ["all", "8"],
    ]


def test_a_circle_is_one_floor() -> None:
    assert floors({"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}, "e": set()}) == 2
    assert floors({}) == 0


def test_the_station_itself_can_be_drawn() -> None:
    found = picture(Path(__file__).parents[2])
    assert found["line"].arrows["usb"] == 0
    assert {"line", "flash", "control", "ledger"} <= set(found)
