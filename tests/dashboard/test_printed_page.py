"""The operator's page: the words of the screen in each language, the tiles as the screen draws them, on one sheet."""

from __future__ import annotations

import re
import shutil
import subprocess
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import pytest
from rich.style import Style
from textual.theme import BUILTIN_THEMES

from station.dashboard.language import LANGUAGES, choose, chosen, tr
from station.dashboard.pages.help_page import KEYS, MEANINGS
from station.dashboard.printed_page import ACTS, STEPS, printed_page
from station.dashboard.tiles.tile_colours import palette
from station.dashboard.tiles.tile_content import LOOKS, Face
from station.dashboard.tiles.tile_rows import draw
from station.dashboard.tiles.tile_svg import TALL, THEME, WIDE, tile_svg
from station.errors import HINTS
from station.model.slots import SlotState
from tests.harness import station

CORNERS = {("UPPER", "LEFT"), ("UPPER", "RIGHT"), ("LOWER", "LEFT"), ("LOWER", "RIGHT")}


@pytest.fixture(autouse=True)
def english() -> Iterator[None]:
    yield
    choose("en")


def page_of(language: str, folder: Path, station_id: str = "") -> Path:
    file = folder / f"{language}.html"
    words = ("operators-page", "--language", language, "--output", file, "--data-dir", folder)
    done = station(*words, STATION_ID=station_id)
    assert done.returncode == 0, done.stderr
    return file


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_page_has_the_words_of_the_screen(language: str, tmp_path: Path) -> None:
    text = " ".join(page_of(language, tmp_path).read_text().replace("&#39;", "'").split())
    choose(language)
    words = [*STEPS, *(part for pair in (*ACTS, *KEYS, *MEANINGS) for part in pair)]
    assert [word for word in words if tr(word) not in text] == []
    assert tr(HINTS["boot.timeout"])[:9] in text, "a hint, on its tile"
    assert text.count("<svg") == 7


@pytest.mark.parametrize("language", LANGUAGES)
def test_it_is_one_sheet(language: str, tmp_path: Path) -> None:
    program = shutil.which("chromium")
    if program is None:
        pytest.skip("no chromium (Debian: apt-get install chromium)")
    given = ["--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path / 'profile'}"]
    sheet = tmp_path / "page.pdf"
    words = [program, *given, "--no-pdf-header-footer", f"--print-to-pdf={sheet}", str(page_of(language, tmp_path))]
    subprocess.run(words, check=True, capture_output=True, timeout=120)
    assert re.findall(rb"/Type\s*/Pages\b.*?/Count (\d+)|/Count (\d+)", sheet.read_bytes()) == [(b"", b"1")]


def test_a_language_that_there_is_not_and_a_name_that_is_none(tmp_path: Path) -> None:
    done = station("operators-page", "--language", "fr", "--data-dir", tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert "usage.language" in done.stderr
    page = page_of("en", tmp_path, "<script>alert(1)</script>").read_text()
    assert "<script" not in page


def test_the_language_of_the_screen_stays(tmp_path: Path) -> None:
    choose("es")
    assert printed_page("zh_CN").title != printed_page("es").title
    assert chosen() == "es"


@pytest.mark.parametrize("state", [SlotState.PASSED, SlotState.FAILED, SlotState.SKIPPED])
def test_the_large_letters_are_those_of_the_screen(state: SlotState) -> None:
    """Half by half, by what Unicode says that each block fills."""
    look = LOOKS[state]
    face = Face("A<1", look, look.word, "2A91&7", details=("do <this> & that",), sign=(look.sign,))
    picture = ElementTree.fromstring(tile_svg(face, 30, 12))
    colours = palette(BUILTIN_THEMES[THEME].to_color_system().generate())[look.tone]
    rows = draw(face, 31, 12, colours, Style(), selected=False)
    filled = {
        (float(part.attrib["x"]), float(part.attrib["y"]))
        for part in picture.iter("{http://www.w3.org/2000/svg}rect")
        if part.attrib["height"] == str(TALL // 2)
    }
    wanted = {
        (column * WIDE + (side == "RIGHT") * WIDE / 2, row * TALL + (height == "LOWER") * TALL / 2)
        for row, segments in enumerate(rows)
        for column, letter in enumerate("".join(segment.text for segment in segments))
        for height, side in corners(letter)
    }
    assert len(wanted) > 50
    assert filled == wanted
    said = " ".join(part.text or "" for part in picture.iter("{http://www.w3.org/2000/svg}text"))
    assert "do <this> & that" in said


def corners(letter: str) -> set[tuple[str, str]]:
    name = unicodedata.name(letter, "")
    if name.startswith("QUADRANT"):
        parts = [part.split() for part in name.removeprefix("QUADRANT ").split(" AND ")]
        return {(height, side) for height, side in parts}
    if name == "FULL BLOCK":
        return CORNERS
    half = re.fullmatch(r"(UPPER|LOWER|LEFT|RIGHT) HALF BLOCK", name)
    return {corner for corner in CORNERS if half and half.group(1) in corner}
