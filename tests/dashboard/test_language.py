"""The language: as it is set, changed by a key on every screen, and laid out by columns."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from rich.cells import cell_len
from textual.command import CommandList
from textual.widgets import DataTable, Input

from station.control.wire import LineStatus
from station.dashboard.app import Dashboard
from station.dashboard.language import choose
from station.dashboard.pages.help_page import help_lines
from station.dashboard.screens.batch_form import closing_lines
from station.dashboard.text_wrap import cut, pad, wrap
from station.yields.balance import summary_of
from station.yields.counting import summarize
from tests.dashboard.driving import Operator
from tests.dashboard.scripted import EVERY_STATE, NOON, RECORDS, RUNS, STOPPED, scripted_line, serial
from tests.dashboard.settling import until_still

ENGLISH = re.compile(r"(?!station )\b[A-Za-z]{3,} [a-z]{3,}")
"""Two words beside each other, but for a command; names and codes stand alone."""


@asynccontextmanager
async def looking(
    data_dir: Path, language: str, status: LineStatus | None = None, size: tuple[int, int] = (160, 45)
) -> AsyncIterator[Operator]:
    """An operator who looks at a line that always says the same."""
    app = Dashboard(data_dir, RECORDS, language=language, now=lambda: NOON)
    with scripted_line(data_dir, EVERY_STATE, status or LineStatus()):
        async with app.run_test(size=size, notifications=True) as pilot:
            operator = Operator(app, pilot)
            await operator.until(lambda: len(operator.faces) == len(EVERY_STATE) and app.state.report, "the line")
            yield operator
    choose("en")


async def test_the_setting_is_the_language_of_the_first_screen(tmp_path: Path) -> None:
    async with looking(tmp_path, "zh_CN", STOPPED) as operator:
        await operator.until_text("产线已停")
        text = operator.text()
        for words in ("PASS 通过", "FAIL 失败", "烧录中", "批次 L42", "直通率", "请取下。", "重新插拔", "p 暂停"):
            assert words in text
        assert not ENGLISH.search(text)


async def test_the_key_says_the_whole_screen_again_and_comes_back_to_english(tmp_path: Path) -> None:
    async with looking(tmp_path, "en", STOPPED) as operator:
        await until_still(operator.pilot, operator.app)
        english = operator.text()
        assert "l 中文" in english, "the key is named in the language that it leads to"
        await operator.press("l")
        await operator.until_text("产线已停")
        await operator.until_text("l Español")
        for words in ("PASS 通过", "批次 L42", "请取下。", "q 退出"):
            assert words in operator.text()
        await operator.press("f8")
        await operator.until_text("LA LÍNEA SE DETUVO")
        await operator.until_text("l English")
        assert "Retírela." in operator.text()
        await operator.press("l")
        await operator.until(lambda: operator.text() == english, "the English screen again")


@pytest.mark.parametrize(
    ("key", "english", "chinese"),
    [
        ("f2", ("serial, or its end", "outcome", "PASS"), ("输入或扫码", "结果", "PASS 通过")),
        ("f3", ("failed at", "Every byte is right"), ("失败时间", "每个字节都正确")),
        ("f4", ("first-pass yield", "What failed most"), ("直通率", "不良排名")),
        ("f5", ("show only what contains", "what"), ("只显示包含此内容", "内容")),
        ("f6", ("CODES, AND WHAT TO DO NOW", "arrows, mouse"), ("代码及处理方法", "方向键、鼠标")),
    ],
    ids=["units", "failures", "yield", "log", "help"],
)
async def test_each_screen_changes_at_once(
    tmp_path: Path, key: str, english: tuple[str, ...], chinese: tuple[str, ...]
) -> None:
    async with looking(tmp_path, "en") as operator:
        await operator.press(key)
        for words in english:
            await operator.until_text(words)
        await operator.press("f8")
        for words in chinese:
            await operator.until_text(words)
        for words in english:
            assert words not in operator.text() or words in ("PASS", "what"), words
        assert not ENGLISH.search(operator.text())


async def test_a_screen_that_was_opened_before_is_in_the_new_language(tmp_path: Path) -> None:
    async with looking(tmp_path, "en") as operator:
        await operator.press("f3")
        await operator.until_text("failed at")
        await operator.press("f1", "l")
        await operator.until_text("请取下。")
        await operator.press("f3")
        await operator.until_text("失败时间")
        await operator.until(lambda: operator.app.desk.page.query_one(DataTable).row_count == 3, "the failures")


async def test_what_was_typed_and_the_story_that_is_shown_stay(tmp_path: Path) -> None:
    async with looking(tmp_path, "en") as operator:
        await operator.press("f2")
        await operator.until(lambda: operator.app.desk.page.query_one(DataTable).row_count, "the runs")
        await operator.press(*serial(5)[-4:].lower(), "enter")  # typed into the field: not taken for keys
        await operator.until_text("1 run")
        await operator.press("f8")
        await operator.until_text("1 次烧录")
        await operator.until_text("回读一致")
        assert operator.app.desk.page.query_one(Input).value == serial(5)[-4:].lower()


async def test_the_command_palette_speaks_the_language(tmp_path: Path) -> None:
    async with looking(tmp_path, "zh_CN") as operator:
        await operator.press("ctrl+p")
        await operator.until_text("输入命令名称")
        for words in ("暂停", "良率", "Español"):
            await operator.until_text(words)
        names = [str(option.prompt).split("\n")[0] for option in operator.app.screen.query_one(CommandList).options]
        assert len(names) > 10
        assert [name for name in names if name.isascii()] == [], "commands of Textual's own"
        await operator.press(*"xyz")
        await operator.until_text("没有这个命令")
        await operator.press(*["backspace"] * 3, "帮", "enter")
        await operator.until_text("代码及处理方法")


async def test_a_question_and_its_answers_are_translated(tmp_path: Path) -> None:
    async with looking(tmp_path, "zh_CN") as operator:
        await operator.press("q")
        for words in ("产线如何处理", "L  继续运行", "S  停线"):
            await operator.until_text(words)


@pytest.mark.parametrize("size", [(80, 24), (160, 45), (40, 12), (240, 67)])
async def test_every_row_of_a_chinese_screen_is_as_wide_as_the_terminal(tmp_path: Path, size: tuple[int, int]) -> None:
    async with looking(tmp_path, "zh_CN", STOPPED, size) as operator:
        await operator.until_text("产线已停")
        assert {cell_len(row) for row in operator.text().split("\n")} == {size[0]}


def test_lines_break_between_characters_and_never_before_a_closing_mark() -> None:
    assert wrap("数据全部正确，但应用未启动。", 12) == ["数据全部正", "确，但应用未", "启动。"]  # noqa: RUF001
    assert wrap("Every byte is right, but", 11) == ["Every byte", "is right,", "but"]
    assert wrap("unit.already_passed: 已通过", 17) == ["unit.already_", "passed: 已通过"]
    assert wrap("", 10) == []
    assert wrap("abcdefgh", 3) == ["abc", "def", "gh"]
    text = "HP：586 块中 2 块回读不符（第 3, 9 块），重烧；再失败则隔离该相机。"  # noqa: RUF001
    for width in range(8, 40):
        lines = wrap(text, width)
        assert max(map(cell_len, lines)) <= width
        assert "".join(lines).replace(" ", "") == text.replace(" ", "")
        assert not [line for line in lines if line[0] in "，。；）"]  # noqa: RUF001


@pytest.mark.parametrize(
    ("width", "kept"), [(8, "四个汉字"), (7, "四个汉…"), (6, "四个…"), (3, "四…"), (2, ""), (1, "")]
)
def test_a_cut_text_fits_its_columns(width: int, kept: str) -> None:
    assert cut("四个汉字", width) == kept
    assert cell_len(pad(kept, 9)) == 9


@pytest.mark.parametrize(
    ("language", "count", "said"),
    [
        ("en", 1, "1 camera still runs: it stays in this batch."),
        ("en", 2, "2 cameras still run: they stay in this batch."),
        ("es", 1, "Sigue en curso 1 cámara: queda en este lote."),
        ("es", 2, "Siguen en curso 2 cámaras: quedan en este lote."),
        ("zh_CN", 1, "还有 1 台在烧录，仍计入本批。"),  # noqa: RUF001
    ],
)
def test_cameras_that_still_run_are_counted_as_the_language_counts(language: str, count: int, said: str) -> None:
    choose(language)
    try:
        assert list(closing_lines(summary_of("L42", summarize(RUNS)), count))[-1].strip() == said
    finally:
        choose("en")


@pytest.mark.parametrize("width", [40, 80, 160])
@pytest.mark.parametrize("language", ["en", "es", "zh_CN"])
def test_help_goes_on_below_its_own_beginning(language: str, width: int) -> None:
    choose(language)
    try:
        lines = list(help_lines(width))
    finally:
        choose("en")
    assert max(map(cell_len, lines)) <= width
    headings = [line for line in lines if line and not line.startswith(" ")]
    assert len(headings) == 4, "what goes on in the next line is indented"
