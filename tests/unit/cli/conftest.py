from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from station.cli.dispatch import dispatch
from station.local_time import use_zone


@dataclass(frozen=True)
class Told:
    """What a command said."""

    exit_code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Station = Callable[..., Told]


@pytest.fixture
def data_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty data folder, which the environment names; no configuration but the defaults."""
    folder = tmp_path / "data"
    folder.mkdir()
    monkeypatch.setenv("STATION_DATA_DIR", str(folder))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "no-config"))
    monkeypatch.chdir(tmp_path)
    return folder


@pytest.fixture
def station(capsys: pytest.CaptureFixture[str], data_dir: Path) -> Iterator[Station]:
    """The command line, carried out in this process."""

    def carry_out(*words: object) -> Told:
        exit_code = dispatch([str(word) for word in words])
        captured = capsys.readouterr()
        return Told(exit_code, captured.out, captured.err)

    yield carry_out
    use_zone("")
