"""The catalogues: whole, alike in their placeholders, compiled, and in a wheel; and what the line says is in them."""

from __future__ import annotations

import re
import string
from collections.abc import Iterator
from dataclasses import replace

import pytest

from station.dashboard.language import LANGUAGES, choose, tr, translated
from station.dfu.actions import Broken
from station.dfu.dfu_failures import Place, link_error
from station.errors import HINTS
from station.flash.messages import STAYED, PowerNotCycled
from station.flash.port_power import cycle_power
from station.line.entry import not_entered
from station.line.stop_policy import WHAT_TO_CHECK, Limits, PauseForFailures, StopForErrors, StopPolicy
from station.model.runs import Outcome
from station.problem import joined, restored, sentence
from station.settings import StationSection
from tests.catalogues import TRANSLATED, catalogue, compiled, forms, mo_file, template, texts_of
from tests.dashboard.scripted import run

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
    assert "no application within {seconds} s" in found  # a sentence of another package


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


def test_a_sentence_is_shown_in_the_language_and_stays_english_elsewhere() -> None:
    text = sentence("no application within {seconds} s", seconds=90)
    choose("zh_CN")
    assert CHINESE.search(translated(text))
    assert "90" in translated(text)
    assert text == "no application within 90 s"
    choose("en")
    assert translated(text) == text


def test_what_a_device_says_cannot_break_a_sentence() -> None:
    choose("zh_CN")
    text = sentence("the application's serial {serial} has none of the known forms", serial="{0} {x!r} {")
    assert "{0} {x!r} {" in translated(text)
    assert translated(restored("it was so", "no such form {left}", {"right": 1})) == "it was so"


def test_why_a_camera_did_not_come_into_its_bootloader_is_said_whole() -> None:
    choose("zh_CN")
    failed = cycle_power("sh -c 'exit 3' {port_path}", "1-1.4")
    assert isinstance(failed, PowerNotCycled)
    text = translated(not_entered(joined([STAYED, failed.message])))
    assert CHINESE.search(text)
    assert not re.search(r"[a-z]{3,} [a-z]{3,}", text), "a part of it stays English"


@pytest.mark.parametrize("code", [*(f"{prefix}x" for prefix in WHAT_TO_CHECK), "test.refused"])
def test_why_the_line_paused_is_said_whole(code: str) -> None:
    """The sentence is put together of two in the line: it is taken from the policy itself."""
    choose("zh_CN")
    policy = StopPolicy(Limits(same_failures=2))
    reasons = [policy.count(run(number, Outcome.FAIL, code)) for number in (1, 2)]
    pause = reasons[1][0]
    assert isinstance(pause, PauseForFailures)
    text = translated(pause.message)
    assert code in text
    assert "2 台" in text
    assert CHINESE.search(text.rpartition("检查")[2]), "what to check"
    assert not re.search(r"[a-z]{3,} [a-z]{3,}", text), "a part of it stays English"


def test_a_sentence_within_a_sentence() -> None:
    policy = StopPolicy(Limits(errors=1))
    failure = link_error(Broken(5), "UPLOAD", Place(1, "HP", 3))
    failed = replace(run(1, Outcome.ERROR, failure.code), message=failure.message)
    (stop,) = policy.count(failed)
    assert isinstance(stop, StopForErrors)
    text = stop.message
    assert text == "1 station errors in a row, the last one usb.io: block 3 of HP: I/O error 5 at UPLOAD"
    choose("zh_CN")
    assert translated(text) == "连续 1 次工站故障，最近一次 usb.io: HP 第 3 块: UPLOAD 时 I/O 错误 5"  # noqa: RUF001
    assert translated("what nobody foresaw: 7") == "what nobody foresaw: 7"
