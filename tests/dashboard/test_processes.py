"""The line and its screen as processes: a real terminal, and what is left when the screen is killed."""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from pathlib import Path

import pytest

from station.control.client import is_served
from tests.dashboard.conftest import Watch
from tests.dashboard.terminal import terminal
from tests.harness import PROGRAM, Bench, wait_for
from tests.integration.conftest import MakeBench, camera

SLOW = {"profile": "mram", "scale": 4.0, "forced": True}
"""Forced: it waits in its bootloader. A loaded machine may hold a camera after its 1.5 s: not what is shown here."""


def _run(bench: Bench) -> list[str | Path]:
    return [*PROGRAM, "run", *bench.words, "--bundle", bench.release]


def test_an_operator_at_a_terminal(make_bench: MakeBench, tmp_path: Path, watch: Watch) -> None:
    bench = make_bench([camera(number, forced=True) for number in range(1, 5)])
    with terminal(tmp_path, _run(bench)) as screen:
        screen.wait_for("No camera yet")
        bench.line.plug_all()
        wait_for(lambda: screen.text.count("✓ PASS") == 4, "four green tiles")
        screen.press("q")
        screen.wait_for("Leave it running")
        screen.press("l")
        screen.wait_for("station dashboard --data-dir")
    assert is_served(bench.data_dir), "the line went with its screen"
    with terminal(tmp_path, [*PROGRAM, "dashboard", "--data-dir", bench.data_dir], (160, 45)) as screen:
        wait_for(lambda: screen.text.count("✓ PASS") == 4, "four green tiles again")
    spy = watch(bench)
    spy.ask("stop")
    assert spy.hung_up.wait(120)
    assert [run["outcome"] for run in bench.export()] == ["PASS"] * 4


@pytest.mark.parametrize("how", ["killed", "terminal closed"])
def test_sixteen_cameras_do_not_notice_that_the_screen_is_gone(
    make_bench: MakeBench, tmp_path: Path, watch: Watch, how: str
) -> None:
    bench = make_bench([camera(number, **SLOW) for number in range(1, 17)])
    with terminal(tmp_path, _run(bench), (160, 45)) as screen:
        screen.wait_for("No camera yet")
        spy = watch(bench)
        bench.line.plug_all()
        wait_for(lambda: [slot["state"] for slot in spy.snapshot()["slots"]] == ["running"] * 16, "sixteen run")
        pid = screen.pid
        if how == "killed":
            os.kill(pid, signal.SIGKILL)
        else:
            screen.tmux("kill-server")
        wait_for(lambda: not _alive(pid), "the screen is gone")
    assert {slot["state"] for slot in spy.snapshot()["slots"]} == {"running"}, "too late to show anything"
    wait_for(lambda: [slot["state"] for slot in spy.snapshot()["slots"]] == ["passed"] * 16, "sixteen passed", 150)
    spy.ask("stop")
    assert spy.hung_up.wait(120)
    assert [run["outcome"] for run in bench.export()] == ["PASS"] * 16


def _alive(pid: int) -> bool:
    with suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in ("Z", "X")
    return False


def test_an_answer_typed_ahead_of_its_question_is_its_answer(make_bench: MakeBench, tmp_path: Path) -> None:
    bench = make_bench([camera(1)])
    look: list[str | Path] = [*PROGRAM, "dashboard", "--data-dir", bench.data_dir]
    commands = [_run(bench), look, look, look]
    for number, command in enumerate(commands, 1):
        last = number == len(commands)
        with terminal(tmp_path, command) as screen:
            screen.wait_for("No camera yet")
            screen.press("q", "s" if last else "l")
            assert screen.ended() == 0
            assert is_served(bench.data_dir) is not last


def test_a_kiosk_leaves_a_line_that_ended_for_the_one_that_was_started_again(
    make_bench: MakeBench, tmp_path: Path
) -> None:
    bench = make_bench([camera(1, forced=True)])
    with bench.station("--serve") as first, terminal(tmp_path, _kiosk(bench)) as screen:
        screen.wait_for("✓ PASS")
        first.process.kill()
        first.process.wait(60)
        screen.wait_for("line's process ended")
        with bench.station("--serve", plug=False) as second:
            wait_for(lambda: is_served(bench.data_dir) or second.process.poll() is not None, "the next line")
            assert second.process.poll() is None, second.talk
            assert screen.ended() == 0
            (tmp_path / "again").mkdir()
            with terminal(tmp_path / "again", _kiosk(bench)) as again:
                # What the next line finds on the bus; until it has listed it, the screen is empty for a moment.
                again.wait_for("runs its application")


def test_a_kiosk_leaves_a_line_that_was_stopped(make_bench: MakeBench, tmp_path: Path) -> None:
    bench = make_bench([camera(1)])
    with bench.station("--serve", plug=False) as running, terminal(tmp_path, _kiosk(bench)) as screen:
        screen.wait_for("No camera yet")
        running.interrupt()
        assert screen.ended() == 0


def _kiosk(bench: Bench) -> list[str | Path]:
    return [*PROGRAM, "dashboard", "--kiosk", "--data-dir", bench.data_dir]


def test_a_line_that_cannot_start_says_why(make_bench: MakeBench, tmp_path: Path) -> None:
    bench = make_bench([camera(1)])
    command = [*PROGRAM, "run", *bench.words, "--bundle", "there-is-none"]
    with terminal(tmp_path, command, (160, 45)) as screen:
        screen.wait_for("bundle.unknown")
        assert screen.ended() == 3
    with terminal(tmp_path, [*PROGRAM, "dashboard", "--data-dir", bench.data_dir], (160, 45)) as screen:
        screen.wait_for("usage.no_line")
        assert screen.ended() == 2
