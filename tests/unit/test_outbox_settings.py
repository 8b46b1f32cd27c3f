"""`[outbox.NAME]`: read from the file and the environment, and every slip named."""

from __future__ import annotations

from pathlib import Path

import pytest

from station.errors import SettingsError
from station.model.runs import Outcome
from station.model.sinks import Sink
from station.settings import load_settings

SHIPPED = Path(__file__).parents[2] / "config/station.toml"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "station.toml"


def test_the_example_in_the_shipped_file_loads(file: Path) -> None:
    text = SHIPPED.read_text()
    for line in text[text.index("# [outbox.mes]") :].splitlines()[:14]:
        text = text.replace(line, line.removeprefix("# "))
    file.write_text(text)
    assert load_settings(file).sinks == (Sink("mes", "http", "https://mes.example/api/runs"),)


def test_a_sink_from_the_environment(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file.write_text('[outbox.mes]\nkind = "http"\nto = "http://mes.example/"\n')
    monkeypatch.setenv("STATION_OUTBOX__MES__TIMEOUT_S", "2.5")
    monkeypatch.setenv("STATION_OUTBOX__MES__OUTCOMES", '["PASS", "FAIL"]')
    (sink,) = load_settings(file).sinks
    assert (sink.to, sink.timeout_s, sink.outcomes) == ("http://mes.example/", 2.5, (Outcome.PASS, Outcome.FAIL))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('kind = "htp"\nto = "x"', 'outbox.mes.kind: found "htp"; allowed: "folder", "http"'),
        ('kind = "http"\nto = "mes"', "to is a URL, for example https://"),
        ('kind = "tcp"\nto = "tcp://mes"', "to is a place, for example tcp://"),
        ('kind = "tcp"\nto = "tcp://mes:nine"', "to is a place, for example tcp://"),
        ('kind = "http"\nto = "http://[::1/runs"', "to is a URL, for example https://"),
        ('kind = "mqtt"\nto = "http://mes"', "to is a broker, for example mqtt://"),
        ('kind = "folder"\nto = "mes"', "to is an absolute folder"),
        ('kind = "hook"\nto = "say \'hello"', "a quotation mark or a backslash is left open"),
        ('kind = "http"\nto = "http://ada:secret@mes/"', "name a secret_file"),
        (
            'kind = "http"\nto = "http://mes/"\ntimout_s = 3',
            'unknown key, did you mean "timeout_s"?; allowed: kind, to',
        ),
        ('kind = "http"\nto = "http://mes/"\ntimeout_s = "3"', "allowed: seconds, more than 0 and at most 300"),
        ('kind = "http"\nto = "http://mes/"\nsecret_file = "key"', "a file in the configuration is absolute"),
        ('kind = "http"\nto = "http://mes/"\noutcomes = ["GOOD"]', "allowed: a list of PASS"),
        ('kind = "mqtt"\nto = "mqtt://mes"\ntopic = "a/#"', "+ and # name several"),
        ('kind = "http"', "outbox.mes.to: "),
        ('kind = "zpl"\nto = "tcp://printer"', "to is a label printer, for example tcp://"),
        ('kind = "zpl"\nto = "tcp://printer:9100"', "template names the file that labels are made from"),
    ],
)
def test_a_slip_is_named(file: Path, text: str, said: str) -> None:
    file.write_text(f"[outbox.mes]\n{text}\n")
    with pytest.raises(SettingsError) as caught:
        load_settings(file)
    assert str(caught.value).startswith(f"{file}: outbox.mes")
    assert said in str(caught.value)


def test_a_label_printer_prints_what_passed_and_soon(file: Path) -> None:
    file.write_text('[outbox.labels]\nkind = "zpl"\nto = "tcp://printer:9100"\ntemplate = "/srv/label.zpl"\n')
    (sink,) = load_settings(file).sinks
    assert (sink.outcomes, sink.retry_limit_s, sink.max_age_s) == ((Outcome.PASS,), 15.0, 600.0)
    assert (sink.template, sink.printer_answers, sink.is_printer) == ("/srv/label.zpl", True, True)
