"""A line that asks the factory's system: it says no, is dead, or answers late, with sixteen cameras held."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

from tests.harness import wait_for
from tests.integration.conftest import MakeBench, camera, serial
from tests.receivers import HttpSystem, free_port


def asks(where: Path, url: str, **further: object) -> Path:
    file = where / "station.toml"
    lines = ["[ask]", 'kind = "http"', f'to = "{url}"']
    lines += [
        f'{name} = "{value}"' if isinstance(value, str) else f"{name} = {value}" for name, value in further.items()
    ]
    file.write_text("\n".join(lines))
    return file


def test_sixteen_cameras_and_a_system_that_refuses_some_and_answers_one_late(
    make_bench: MakeBench, tmp_path: Path
) -> None:
    """Nobody waits for the one whose answer does not come; what is refused is not written to."""
    numbers = range(1, 17)
    bench = make_bench([camera(number) for number in numbers])
    refused, late = {serial(3), serial(9)}, serial(5)
    release = threading.Event()
    system = HttpSystem()

    def answer(question: dict[str, Any]) -> tuple[int, bytes]:
        if question["serial"] == late:
            release.wait(120)
        if question["serial"] in refused:
            return 200, b'{"allow": false, "reason": "order 7\\u001b[2J is closed"}'
        return 200, b'{"allow": true}'

    system.answer = answer
    with system.serving() as url:
        config = asks(tmp_path, url, timeout_s=120.0)
        with bench.station("--config", config, "--batch", "L1", "--stop-after", "16") as running:
            runs = {run["serial"]: run for run in running.runs(15)}
            assert late not in runs
            release.set()
            last = running.run()
            assert (last["serial"], last["outcome"]) == (late, "PASS")
            assert running.end() == 1
    for number in numbers:
        if serial(number) in refused:
            run = runs[serial(number)]
            assert (run["outcome"], run["code"], run["attempts"]) == ("SKIPPED", "mes.refused", [])
            assert run["message"] == "the factory's system does not allow it: order 7 [2J is closed"
            assert bench.blocks_written(serial(number)) == 0
        elif serial(number) != late:
            assert runs[serial(number)]["outcome"] == "PASS"
    questions = {record["serial"]: record for record in system.records}
    assert questions.keys() == {serial(number) for number in numbers}
    assert {question["batch"] for question in questions.values()} == {"L1"}


def test_a_dead_system_holds_cameras_until_it_is_there(make_bench: MakeBench, tmp_path: Path) -> None:
    bench = make_bench([camera(1), camera(2)])
    port, system = free_port(), HttpSystem()
    system.answer = lambda question: (200, b'{"allow": true}')
    config = asks(tmp_path, f"http://127.0.0.1:{port}/ask", again_s=0.2)
    with bench.station("--config", config, "--stop-after", "2") as running:
        wait_for(lambda: all(bench.held(serial(number)) for number in (1, 2)), "both are held")
        assert bench.blocks_written(serial(1)) == 0
        with system.serving(port):
            assert {run["outcome"] for run in running.runs(2)} == {"PASS"}
        assert running.end() == 0


@pytest.mark.parametrize("recipe", ["full"])
def test_a_dead_system_that_may_be_silent_is_noted(make_bench: MakeBench, tmp_path: Path, recipe: str) -> None:
    bench = make_bench([camera(1)])
    config = asks(tmp_path, f"http://127.0.0.1:{free_port()}/ask", silent="allow")
    with bench.station("--config", config, "--recipe", recipe, "--stop-after", "1") as running:
        run = running.run()
        assert running.end() == 0
    assert run["outcome"] == "PASS"
    assert any("did not say whether it may be flashed" in note for note in run["notes"])
