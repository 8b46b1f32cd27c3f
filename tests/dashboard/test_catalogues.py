"""The catalogues: whole, alike in their placeholders, compiled, and in a wheel; and what the line says is in them."""

from __future__ import annotations

import ast
import re
import string
from collections.abc import Iterator
from pathlib import Path

import pytest

import station
from station.dashboard.language import LANGUAGES, choose, tr
from station.dashboard.said import FORMS, said
from station.errors import HINTS
from station.line.stop_policy import WHAT_TO_CHECK, Limits, PauseForFailures, StopPolicy
from station.model.runs import Outcome
from station.settings import StationSection
from tests.catalogues import TRANSLATED, catalogue, compiled, forms, mo_file, template, texts_of
from tests.dashboard.scripted import run

STATION = Path(station.__file__).parent
CHINESE = re.compile(r"[\u4e00-\u9fff]")
each_language = pytest.mark.parametrize("language", TRANSLATED)


@pytest.fixture(autouse=True)
def english_afterwards() -> Iterator[None]:
    """The language is the process's: other tests want English."""
    yield
    choose("en")


def fields(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}


def test_the_collection_finds_words_of_every_kind() -> None:
    found = {message.id for message in template()}
    assert "Take it out." in found  # tr
    assert "READING BACK" in found  # a table
    assert "Pause" in found  # a key
    assert ("{count} run", "{count} runs") in found  # a plural
    assert HINTS["boot.timeout"] in found
    assert set(FORMS) <= found


def test_a_text_is_found_wherever_it_stands() -> None:
    source = """
tr("a" "b")
f"{tr('in an f-string')} {tr(variable)} {tr('')}"
x = [tr_count("{count} x", "{count} xs", n), Binding("k", "act", "what it does"), Binding("k", "act", show=False)]
"""
    assert list(texts_of(source)) == ["ab", "in an f-string", ("{count} x", "{count} xs"), "what it does"]


@each_language
def test_every_text_is_translated(language: str) -> None:
    known = catalogue(language)
    wanted = {message.id for message in template() if message.id}
    missing = [text for text in wanted if known.get(text) is None or not all(forms(known[text].string))]
    assert not missing, "run python -m tests.catalogues, translate what is new, and run it again"
    assert [message.id for message in known if message.fuzzy] == []
    assert {message.id for message in known if message.id} == wanted, "texts that are no more"


@each_language
def test_a_translation_has_the_placeholders_of_its_text(language: str) -> None:
    for message in catalogue(language):
        if message.id:
            wanted = fields(forms(message.id)[0])
            assert [fields(form) for form in forms(message.string)] == [wanted] * len(forms(message.string)), message.id


@each_language
def test_the_compiled_catalogue_is_what_the_text_says(language: str) -> None:
    assert mo_file(language).read_bytes() == compiled(catalogue(language)), "run python -m tests.catalogues"


@each_language
def test_every_hint_is_said_in_the_language(language: str) -> None:
    choose(language)
    assert [code for code, hint in HINTS.items() if tr(hint) == hint] == []


def test_chinese_is_chinese() -> None:
    """A text pasted untranslated, or Traditional for Simplified, would pass for a translation."""
    for message in catalogue("zh_CN"):
        for form in forms(message.string) if message.id else ():
            assert CHINESE.search(form), message.id
            "".join(CHINESE.findall(form)).encode(
                "gb2312"
            )  # the Simplified characters; a Traditional one is in none of its rows


def test_the_setting_allows_every_language_there_is() -> None:
    for language in LANGUAGES:
        assert StationSection(language=language).language == language  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="zh_CN"):
        StationSection(language="fr")  # type: ignore[arg-type]


# --- what the line says ----------------------------------------------------------------------------------------------

SPOKEN = ("line", "flash", "dfu", "usb", "ledger")
"""The packages whose sentences reach a tile, the banner or a notice."""
UNSPOKEN = {
    # a command's own failures, and the reading of another station's file: told on stderr
    *("ledger/backup.py", "ledger/importing.py", "usb/lock.py", "usb/libusb.py"),
}
SAYS = {
    *("UsbError", "UsbBusyError", "UsbHostError", "DfuError", "IdentityError", "VerifyError", "MramError", "BootError"),
    *("StationError", "LedgerError", "UsbAccessError", "protocol_error", "_out_of_turn", "transfer_failure"),
    *("Verdict", "Skip", "CancelRun", "close_unrun", "show"),
}
CONSTANTS = ("line/admission.py", "line/stop_policy.py", "flash/attempt.py")
"""Whose sentences stand in constants."""


def sentence(node: ast.expr) -> str | None:
    """The text that an expression makes, with 7 for every value in it; None where it makes none."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(part.value if isinstance(part, ast.Constant) else "7" for part in node.values)  # type: ignore[misc]
    return None


def spoken() -> Iterator[tuple[str, str]]:
    for file in sorted(file for package in SPOKEN for file in (STATION / package).rglob("*.py")):
        place = str(file.relative_to(STATION))
        for node in ast.walk(ast.parse(file.read_text())):
            heard: list[ast.expr] = []
            if isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] in SAYS:
                heard = [*node.args, *(word.value for word in node.keywords)]
            elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith("notes.append"):
                heard = [*node.args]
            elif isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) in ("text", "limit"):
                heard = [node.value]
            elif isinstance(node, ast.Assign) and ast.unparse(node.targets[0]).isupper() and place in CONSTANTS:
                heard = node.value.values if isinstance(node.value, ast.Dict) else [node.value]
            elif isinstance(node, ast.FunctionDef) and node.name == "other_board":
                heard = [part.value for part in node.body if isinstance(part, ast.Return) and part.value]
            for expression in heard if place not in UNSPOKEN else ():
                text = sentence(expression)
                if text is not None and re.search(r"[a-z] [a-z]", text) and not text.endswith(": "):
                    yield place, text


def test_the_search_finds_what_the_line_says() -> None:
    heard = {text for _, text in spoken()}
    assert "the camera was unplugged during the run" in heard
    assert "no application within 7 s" in heard
    assert "7: no answer to 7" in heard
    assert "it comes and goes by itself: unplug it, and set it aside if it goes on" in heard
    assert "the size of 7 could not be read: 7" in heard
    assert len(heard) > 40


@pytest.mark.parametrize("text", sorted({f"{place}: {text}" for place, text in spoken()}))
def test_what_the_line_says_is_said_in_chinese(text: str) -> None:
    choose("zh_CN")
    _, _, text = text.partition(": ")
    assert CHINESE.search(said(text)), "add its form to station/dashboard/said.py"
    assert not re.search(r"[a-z]{3,} [a-z]{3,}", said(text)), "a part of it stays English"


@pytest.mark.parametrize("code", [*(f"{prefix}x" for prefix in WHAT_TO_CHECK), "test.refused"])
def test_why_the_line_paused_is_said_whole(code: str) -> None:
    """The sentence is put together of two in the line: it is taken from the policy itself."""
    choose("zh_CN")
    policy = StopPolicy(Limits(same_failures=2))
    reasons = [policy.count(run(number, Outcome.FAIL, code)) for number in (1, 2)]
    pause = reasons[1][0]
    assert isinstance(pause, PauseForFailures)
    text = said(pause.message)
    assert code in text
    assert "2 台" in text
    assert CHINESE.search(text.rpartition("检查")[2]), "what to check"
    assert not re.search(r"[a-z]{3,} [a-z]{3,}", text), "a part of it stays English"


def test_a_sentence_within_a_sentence() -> None:
    choose("zh_CN")
    text = "2 station errors in a row, the last one usb.io: block 3 of HP: I/O error 5 at UPLOAD"
    assert said(text) == "连续 2 次工站故障，最近一次 usb.io: HP 第 3 块: UPLOAD 时 I/O 错误 5"  # noqa: RUF001
    assert said("what nobody foresaw: 7") == "what nobody foresaw: 7"
    choose("en")
    assert said(text) == text
