"""What an operator needs on paper, in their language: the words and tiles of the screen, put together for one page.

How it is laid out is the report's matter (`station.report.operators_html`); here are the texts and the pictures.
"""

from __future__ import annotations

from dataclasses import dataclass

from station.dashboard.eta import Pace
from station.dashboard.language import choose, chosen, mark, tr
from station.dashboard.pages.help_page import BANNERS, KEYS, MEANINGS
from station.dashboard.tiles.acts import ASK, REPLUG, RERUN, SET_ASIDE, TAKE_OUT
from station.dashboard.tiles.tile_content import LOOKS, face_of
from station.dashboard.tiles.tile_svg import tile_svg
from station.model.slots import Progress, SlotState, SlotView
from station.problem import sentence

COLUMNS, ROWS = 30, 12
"""Of a tile on the page."""
STEPS = (
    mark("Plug cameras in, in any order, as many as there are slots. The station holds all of them first."),
    mark("Wait for PASS: only then is the camera proven and in the log. Take it out."),
    mark("On anything else do what the tile says. Mostly: plug the camera in again."),
)
ACTS = (
    (TAKE_OUT, mark("The station is done with the camera: take it out.")),
    (REPLUG, mark("Pull the camera out, wait two seconds, and plug it in again.")),
    (RERUN, mark("Select the slot and press r, or plug the camera in again.")),
    (SET_ASIDE, mark("Put the camera with those that an engineer looks at.")),
    (ASK, mark("Leave the camera as it is and call the engineer.")),
)
_IMAGES = (("HP", 2_400_000), ("HE", 120_000), ("ROMFS1", 900_000), ("ROMFS0", 12_000_000))
_PACE = Pace(
    {"HP": 2.0, "HE": 0.2, "ROMFS1": 0.8, "ROMFS0": 14.0}, {"HP": 1.0, "HE": 0.1, "ROMFS1": 0.4, "ROMFS0": 6.0}, 4.0
)
_SERIAL = "3A0F5C77B1D2E4960011"


@dataclass(frozen=True, slots=True)
class Picture:
    """One tile, and what its state means."""

    svg: str
    word: str
    meaning: str


@dataclass(frozen=True, slots=True)
class PrintedPage:
    """The texts of the page, in its language, and its pictures. Pairs are a word and what it means."""

    language: str
    title: str
    steps: tuple[str, ...]
    pictures: tuple[Picture, ...]
    headings: dict[str, str]
    acts: tuple[tuple[str, str], ...]
    keys: tuple[tuple[str, str], ...]
    banners: tuple[tuple[str, str], ...]
    engineer: str


def printed_page(language: str) -> PrintedPage:
    """The page in a language; the language of the screen stays what it was."""
    before = chosen()
    choose(language)
    try:
        return _page(language)
    finally:
        choose(before)


def _page(language: str) -> PrintedPage:
    return PrintedPage(
        language,
        tr("Flashing cameras: for the operator"),
        tuple(map(tr, STEPS)),
        tuple(_picture(view) for view in _views()),
        {
            "states": tr("STATES"),
            "acts": tr("WHAT TO DO"),
            "keys": tr("KEYS"),
            "banners": tr("THE RED BANNER"),
        },
        _translated(ACTS),
        _translated(KEYS),
        _translated(BANNERS),
        tr("Engineer, and how to reach them:"),
    )


def _translated(pairs: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
    return tuple((tr(word), tr(meaning)) for word, meaning in pairs)


def _picture(view: SlotView) -> Picture:
    face = face_of(view, _PACE, _IMAGES, 0.0)
    meanings = {"RUNNING": mark("The camera is being written and read back: leave it in."), **dict(MEANINGS)}
    word = LOOKS[view.state].word
    return Picture(tile_svg(face, COLUMNS, ROWS), tr(word), tr(meanings[word]))


def _views() -> tuple[SlotView, ...]:
    """A slot in each state that an operator meets, with what happens most."""
    no_application = sentence("no application within {seconds} s", seconds=90)
    hub = sentence("the hub at {hub} left the bus with {count} cameras at one moment", hub="1-1.2", count=4)
    failed_here = sentence(
        "slot {slot} was taken out: {count} different cameras failed here in a row while others passed. "
        "Check its cable, port and hub, then: station slots restore {name}",
        slot="B4",
        count=3,
        name="B4",
    )
    passed_before = sentence("this unit already passed with this bundle and recipe")
    unplugged = sentence("the camera was unplugged during the run")
    progress = Progress("write", 1, "ROMFS0", 4, 4, 5_400_000, 12_000_000)
    return (
        SlotView("A1", "1-1.1", SlotState.RUNNING, f"{_SERIAL}2A91", progress=progress, started_at_s=-14.0),
        _ended("A2", SlotState.PASSED, None, ""),
        _ended("A3", SlotState.FAILED, "boot.timeout", no_application, attempts=2),
        _ended("A4", SlotState.ERROR, "usb.hub_lost", hub),
        _ended("B1", SlotState.ABORTED, "operator.unplugged", unplugged),
        _ended("B2", SlotState.SKIPPED, "unit.already_passed", passed_before),
        SlotView("B4", "1-1.8", SlotState.TAKEN_OUT, message=failed_here),
    )


def _ended(slot: str, state: SlotState, code: str | None, message: str, attempts: int = 1) -> SlotView:
    return SlotView(
        slot, "1-1.2", state, f"{_SERIAL}7C1{slot[-1]}", "", code, message, duration_s=28.4, attempts=attempts
    )
