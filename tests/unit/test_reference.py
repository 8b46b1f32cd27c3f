"""The engineer's reference is what the program says."""

from __future__ import annotations

from pathlib import Path

import pytest

from station.errors import HINTS
from station.settings.schema import Settings, section_fields
from tests.reference import PAGES, codes_page, settings_page


@pytest.mark.parametrize("file", PAGES, ids=lambda file: file.name)
def test_it_is_current(file: Path) -> None:
    assert file.read_text() == PAGES[file](), "write it again: python -m tests.reference"


def test_every_setting_is_in_it_with_what_it_means() -> None:
    page = settings_page()
    for section in Settings.model_fields:
        _, _, text = page.partition(f"## [{section}]\n")
        rows = {line.split("|")[1].strip(): line for line in text.partition("\n## ")[0].splitlines() if "|" in line}
        for key in section_fields(section):
            assert len(rows[f"`{key}`"].split(" | ")[3].strip("| ")) > 10, f"{section}.{key}: not said in the file"


def test_every_code_is_in_it_once() -> None:
    assert [code for code in HINTS if codes_page().count(f"| `{code}` |") != 1] == []
