"""The line's socket: who may open it, what it tells, and what may be asked through it."""

from __future__ import annotations

import stat
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from station.control.client import connected, is_served
from station.control.requests import Role
from station.control.socket_path import noted_socket
from station.sim.faults import Fault
from tests.dashboard.conftest import Watch
from tests.harness import wait_for
from tests.integration.conftest import MakeBench, camera, serial


@pytest.fixture
def runtime() -> Iterator[Path]:
    """A short one: a socket's address has room for some 100 bytes."""
    with tempfile.TemporaryDirectory(prefix="ae3-", dir="/tmp") as folder:
        yield Path(folder)


def test_only_owner_and_group_may_open_it_and_it_goes_with_the_line(make_bench: MakeBench, runtime: Path) -> None:
    bench = make_bench([camera(1)])
    with bench.station("--stop-after", "1", RUNTIME_DIRECTORY=str(runtime)) as running:
        wait_for(lambda: is_served(bench.data_dir), "the line answers, whatever this process's variables are")
        path = noted_socket(bench.data_dir)
        assert path.parent == runtime
        assert stat.S_IMODE(path.stat().st_mode) == 0o660
        running.run()
        assert running.end() == 0
    assert not path.exists()


def test_several_screens_see_the_same_line(make_bench: MakeBench, watch: Watch) -> None:
    bench = make_bench([camera(1), camera(2)])
    with bench.station("--batch", "L1", "--operator", "ann", plug=False) as running:
        first, second = watch(bench), watch(bench)
        about = first.fact("about")
        assert (about["batch"], about["operator"], "4.7.0" in about["bundle_version"]) == ("L1", "ann", True)
        assert [name for name, _ in about["images"]] == ["HP", "HE", "ROMFS1", "ROMFS0"]
        bench.line.plug(serial(1))
        for screen in (first, second):
            passed = screen.wait_for_state("1-1.1", "passed")
            assert passed["serial"] == serial(1), "the application's spelling of the serial is not the unit's"
            assert screen.fact("run")["run_id"] == passed["run_id"] == bench.export()[0]["run_id"]
        first.close()
        bench.line.plug(serial(2))
        second.wait_for_state("1-1.2", "passed")
        second.ask("stop")
        assert running.end() == 0
        ended = second.fact("status")
        assert (ended["ended"], ended["code"]) == (True, None)
        assert second.hung_up.wait(120)


def test_nonsense_is_refused_and_the_line_goes_on(make_bench: MakeBench, watch: Watch) -> None:
    bench = make_bench([camera(1)])
    with bench.station("--stop-after", "1", plug=False) as running:
        screen = watch(bench)
        for text in ("{", "[]", "{}", '{"do": "explode"}', '{"do": "cancel"}', '{"do": "rerun", "port_path": 7}'):
            screen.facts.clear()
            screen.send(text)
            screen.fact("refused")
        flood = watch(bench)
        flood.send("x" * 200_000)
        assert flood.hung_up.wait(120), "a line without an end must not be collected for ever"
        bench.line.plug_all()
        assert running.run()["outcome"] == "PASS"
        assert running.end() == 0


def test_a_screen_that_never_reads_holds_up_nobody(make_bench: MakeBench, watch: Watch) -> None:
    bench = make_bench([camera(number) for number in range(1, 5)])
    with bench.station("--stop-after", "4", plug=False) as running:
        other = watch(bench)
        deaf = connected(bench.data_dir, Role.LOOK)
        with suppress(OSError):  # dropped before it had said all that
            deaf.sendall(b'{"do": "snapshot"}\n' * 20_000)
        bench.line.plug_all()
        assert {run["outcome"] for run in running.runs(4)} == {"PASS"}
        other.fact("run")
        assert running.end() == 0
        deaf.close()


def test_a_paused_line_holds_and_waits(make_bench: MakeBench, watch: Watch) -> None:
    bench = make_bench([camera(1), camera(2)])
    with bench.station("--stop-after", "2", plug=False) as running:
        screen = watch(bench)
        screen.ask("pause")
        wait_for(lambda: screen.snapshot()["status"]["paused"], "paused")
        bench.line.plug_all()
        for port_path in ("1-1.1", "1-1.2"):
            screen.wait_for_state(port_path, "waiting")
        assert bench.held(serial(1))
        screen.ask("cancel", port_path="1-1.2")
        cancelled = running.run()
        assert (cancelled["serial"], cancelled["code"]) == (serial(2), "operator.cancelled")
        screen.ask("resume")
        assert running.run()["outcome"] == "PASS"
        assert running.end() == 1


def test_cameras_that_are_still_there_run_again(make_bench: MakeBench, watch: Watch) -> None:
    """One that failed waits in its bootloader; one that passed runs its application, and is sent there first."""
    refuses = Fault("err_write", "WRITE", alt=1, times=2)
    bench = make_bench([camera(1, faults=(refuses,)), camera(2)])
    with bench.station("--stop-after", "4") as running:
        screen = watch(bench)
        assert {run["outcome"] for run in running.runs(2)} == {"PASS", "FAIL"}
        assert screen.wait_for_state("1-1.1", "failed")["serial"] == serial(1)
        screen.wait_for_state("1-1.2", "passed")
        screen.ask("rerun", port_paths=["1-1.2", "1-1.1", "1-1.9"])
        ways = screen.fact("ways")
        assert (ways["entering"], ways["rerun"], ways["empty"]) == (["1-1.2"], ["1-1.1"], ["1-1.9"])
        again = {run["serial"]: (run["outcome"], run["code"]) for run in running.runs(2)}
        assert again == {serial(1): ("PASS", None), serial(2): ("SKIPPED", "unit.already_passed")}
        assert running.end() == 0


def test_one_running_camera_is_cancelled_and_no_other(make_bench: MakeBench, watch: Watch) -> None:
    bench = make_bench([camera(1, scale=20.0), camera(2)])
    with bench.station("--stop-after", "2") as running:
        screen = watch(bench)
        screen.wait_for_state("1-1.1", "running")
        screen.ask("cancel", port_path="1-1.1")
        ended = {run["serial"]: run["code"] for run in running.runs(2)}
        assert ended == {serial(1): "operator.cancelled", serial(2): None}
        assert running.end() == 1
