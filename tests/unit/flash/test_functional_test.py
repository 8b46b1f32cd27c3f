"""The tests of a running camera: what is asked is scripted, what happens at the port comes through a real pipe."""

from __future__ import annotations

import multiprocessing
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, cast

import pytest

from station.app.answers import SystemInfo, Versions
from station.app.app_client import Leaving
from station.app.script import ScriptOutput
from station.board.openmv_ae3 import OPENMV_AE3
from station.bundle import romfs
from station.errors import ApplicationError, StationError, UsbAccessError, UsbBusyError
from station.flash import functional_test
from station.flash.app_session import AppSession
from station.flash.checks.finding import Subject
from station.flash.functional_test import FunctionalTest
from station.flash.messages import CancelRun, PortChanged
from station.flash.pipe import Cancelled, Link
from station.model.devices import Device, DeviceMode
from station.model.functional_tests import FunctionalTests
from station.model.recipes import Recipe, Step, StepKind
from station.model.runs import ImagePlan, Outcome, RunOptions, RunPlan
from station.model.verdicts import ended_by
from station.problem import Sentence

LABEL = "OpenMV v5.0.0; MicroPython v1.26"
CAMERA = Device("1-1", 1, 5, 0x37C5, 0x16E3, "s", 0x0100, DeviceMode.APPLICATION)
BOOTLOADER = replace(CAMERA, product_id=0x96E3, mode=DeviceMode.DFU)
VERSIONS = Versions((1, 0, 2), (1, 0, 3), (5, 0, 0))
NO_ANSWER = ApplicationError("test.no_answer", Sentence("the camera does not speak the OpenMV protocol"))
VANISHED = ApplicationError("test.port_vanished", Sentence("the camera's serial port vanished"))
ALL = ("version", "sensor", "picture", "files", "he", "stays")


def info(sensor_id: int = 0x7936) -> SystemInfo:
    return SystemInfo(1, (1, 2, 3), 0x37C5, 0x16E3, (sensor_id, 0, 0), (0, 0), 0, 0, 0, 0)


@dataclass
class Session:
    """Answers from a list, one for each question or script; an exception is raised."""

    answers: deque[Any]
    asked: int = 0
    closed: int = 0
    scripts: list[str] = field(default_factory=list)
    before: Callable[[], None] = lambda: None

    def begin(self, port_s: float, more_s: float = 0.0) -> None:
        self.before()

    def ask(self, question: Any) -> Any:
        self.asked += 1
        answer = self.answers.popleft()
        if isinstance(answer, Exception):
            raise answer
        return answer

    def run_script(self, source: str, limit_s: float) -> ScriptOutput:
        self.scripts.append(source)
        return ScriptOutput(cast("str", self.ask(None)))

    def close(self) -> None:
        self.closed += 1


@pytest.fixture
def pipe() -> Iterator[tuple[Connection, Link]]:
    theirs, ours = multiprocessing.Pipe()
    with theirs, ours:
        yield theirs, Link(ours)


@pytest.fixture(autouse=True)
def _short_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(functional_test, "LEAVING_S", 0.05)
    monkeypatch.setattr(functional_test, "RESTARTING_S", 0.05)


Make = Callable[..., FunctionalTest]


@pytest.fixture
def make(pipe: tuple[Connection, Link]) -> Make:
    """Tests in the modes that are given, of an AE3 whose answers are these."""

    def made(*answers: Any, label: str = LABEL, image: ImagePlan | None = None, **settings: Any) -> FunctionalTest:
        values: dict[str, Any] = {**dict.fromkeys(ALL, "off"), "sensor_ids": (0x7936,), "stays_s": 0.05, **settings}
        tests = FunctionalTests(**values)
        recipe = Recipe("full", tuple(Step(StepKind.TEST, test=name) for name in ALL))
        options = RunOptions(return_window_s=0.05, boot_timeout_s=0.2)
        plan = RunPlan("run", "serial", recipe, (), options, tests=tests, label=label, files_image=image)
        session = cast("AppSession", Session(deque(answers)))
        assert OPENMV_AE3.application is not None
        subject = Subject(session, OPENMV_AE3, OPENMV_AE3.application, tests, "1.0.3", label, image)
        return FunctionalTest(plan, subject, pipe[1], options.boot_timeout_s, 0.05)

    return made


def session_of(test: FunctionalTest) -> Session:
    return cast("Session", test.subject.session)


def measured(test: FunctionalTest) -> dict[str, tuple[Any, bool | None]]:
    return {one.name: (one.value, one.passed) for one in test.measurements}


def failure_of(test: FunctionalTest) -> StationError:
    with pytest.raises(StationError) as caught:
        test.run()
    return caught.value


# --- what is asked ----------------------------------------------------------------------------------------------------


def test_the_label_that_was_flashed_passes(make: Make) -> None:
    test = make(VERSIONS, f"3.4.0; {LABEL}\n", version="required")
    test.run()
    assert test.notes == []
    assert measured(test) == {
        "version": (LABEL, True),
        "firmware_version": ("5.0.0", None),
        "bootloader_version": ("1.0.3", True),
    }


@pytest.mark.parametrize(
    ("versions", "printed", "said"),
    [
        (VERSIONS, "3.4.0; OpenMV v4; MicroPython v1\n", "'OpenMV v4; MicroPython v1' runs"),
        (VERSIONS, "3.4.0; something else\n", "'3.4.0; something else' runs"),
        (replace(VERSIONS, bootloader=(1, 0, 2)), f"3.4.0; {LABEL}\n", "it knows bootloader 1.0.2, 1.0.3 is there"),
    ],
)
def test_another_firmware_or_bootloader_fails(make: Make, versions: Versions, printed: str, said: str) -> None:
    error = failure_of(make(versions, printed, version="required", tries=1))
    assert error.code == "test.version"
    assert said in str(error)
    assert error.hint


def test_a_version_is_compared_with_nothing_where_nobody_knows_what_was_flashed(make: Make) -> None:
    test = make(VERSIONS, "3.4.0; OpenMV x; MicroPython y\n", label="", version="required")
    test.run()
    assert measured(test)["version"] == ("OpenMV x; MicroPython y", None)


@pytest.mark.parametrize(
    ("sensor_id", "allowed", "passed"),
    [(0x7936, (0x7936,), True), (0, (0x7936,), False), (0x5640, (0x7936,), False), (0x5640, (), True), (0, (), False)],
)
def test_a_sensor_is_one_of_those_allowed(make: Make, sensor_id: int, allowed: tuple[int, ...], passed: bool) -> None:
    test = make(info(sensor_id), sensor="required", sensor_ids=allowed, tries=1)
    if passed:
        test.run()
    else:
        assert failure_of(test).code == "test.sensor"
    assert measured(test)["sensor_id"] == (sensor_id, passed)


@pytest.mark.parametrize(
    ("printed", "wrong"),
    [
        ("320 240 127.5 0 255 ramp", None),
        ("160 120 127.5 0 255 ramp", "picture_pixels"),
        ("320 240 1.4 0 9 light", "picture_mean"),
        ("320 240 127.5 127 127 ramp", "picture_contrast"),
        ("320 240 nan 0 255 ramp", "protocol"),
        ("nothing", "protocol"),
    ],
)
def test_a_picture_has_a_size_a_brightness_and_a_contrast(make: Make, printed: str, wrong: str | None) -> None:
    test = make(printed, picture="required", brightness_low=10.0, brightness_high=250.0, tries=1)
    if wrong is None:
        test.run()
        return
    error = failure_of(test)
    assert error.code == ("test.protocol" if wrong == "protocol" else "test.picture")
    assert wrong == "protocol" or wrong in str(error)


def test_a_ramp_is_asked_for_where_it_is_wanted(make: Make) -> None:
    for wanted, condition in (("ramp", "if True:"), ("light", "if False:")):
        test = make("320 240 127.5 0 255 ramp", picture="note", picture_of=wanted)
        test.run()
        assert condition in session_of(test).scripts[0]


@pytest.fixture
def image(tmp_path: Path) -> ImagePlan:
    content = romfs.build([("a.txt", b"abc"), ("b.bin", bytes(500))])
    (tmp_path / "romfs0.img").write_bytes(content)
    return ImagePlan("ROMFS0", 6, str(tmp_path / "romfs0.img"), len(content), "")


@pytest.mark.parametrize(
    ("listed", "wrong"),
    [
        ("file 3 a.txt\nfile 500 b.bin\n", 0),
        ("file 3 a.txt\n", 1),
        ("file 4 a.txt\nfile 500 b.bin\n", 1),
        ("file 3 a.txt\nfile 500 b.bin\nfolder -1 more\n", 1),
        ("", 2),
    ],
)
def test_the_rom_has_the_files_that_were_flashed(make: Make, image: ImagePlan, listed: str, wrong: int) -> None:
    test = make(f"disk 8388608\n{listed}", image=image, files="required", tries=1)
    if not wrong:
        test.run()
    else:
        assert failure_of(test).code == "test.files"
    assert measured(test)["rom_files_wrong"] == (wrong, not wrong)
    assert measured(test)["disk_bytes"] == (8388608, None)


def test_files_are_compared_with_nothing_where_nobody_knows_what_was_flashed(make: Make) -> None:
    test = make("disk 1\nfile 3 a.txt\n", files="required")
    test.run()
    assert measured(test)["rom_files"] == (1, None)


def test_the_second_core_answers_and_the_camera_is_restarted(make: Make, pipe: tuple[Connection, Link]) -> None:
    test = make("core 40\n", Leaving.SENT, he="required")
    pipe[0].send(PortChanged(None))
    pipe[0].send(PortChanged(CAMERA))
    test.run()
    assert measured(test) == {"he_answer_s": (0.04, True)}
    assert "openamp.RemoteProc(0x80320000)" in session_of(test).scripts[0]


def test_a_dead_second_core_fails_and_the_camera_is_restarted_all_the_same(
    make: Make, pipe: tuple[Connection, Link]
) -> None:
    test = make("core -1\n", Leaving.SENT, he="required", tries=1)
    pipe[0].send(PortChanged(None))
    pipe[0].send(PortChanged(CAMERA))
    assert failure_of(test).code == "test.he"
    assert measured(test) == {"he_answer_s": (None, False)}
    assert not session_of(test).answers


@pytest.mark.parametrize("changes", [(), (PortChanged(None),), (PortChanged(None), PortChanged(BOOTLOADER))])
def test_a_camera_that_does_not_come_back_from_its_restart_fails(
    make: Make, pipe: tuple[Connection, Link], changes: tuple[PortChanged, ...]
) -> None:
    test = make("core 40\n", Leaving.SENT, he="required", tries=1)
    for change in changes:
        pipe[0].send(change)
    assert failure_of(test).code == "test.unstable"


# --- what it decides --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "error",
    [
        NO_ANSWER,
        VANISHED,
        ApplicationError("test.no_port", Sentence("no port")),
        ApplicationError("test.script_failed", Sentence("it raised")),
        UsbAccessError("usb.access_denied", Sentence("no permission")),
        UsbBusyError("usb.busy", Sentence("another program")),
        OSError(5, "broken"),
        KeyError("a mistake of ours"),
    ],
    ids=lambda error: getattr(error, "code", type(error).__name__),
)
def test_nothing_that_a_noted_test_meets_decides(make: Make, error: Exception) -> None:
    test = make(error, sensor="note")
    test.run()
    assert [note.partition(": ")[0] for note in test.notes] == ["test-sensor"]
    assert measured(test)["sensor_id"][0] is None
    assert measured(test)["sensor_id"][1] is not True


def test_a_wrong_answer_to_a_noted_test_is_a_note_and_a_measurement(make: Make) -> None:
    test = make(info(0), sensor="note")
    test.run()
    assert test.notes == ["test-sensor: test.sensor: no sensor found, 0x7936 expected"]
    assert measured(test)["sensor_id"] == (0, False)


def test_a_mute_camera_is_asked_once_by_tests_that_decide_nothing(make: Make) -> None:
    test = make(NO_ANSWER, version="note", sensor="note", picture="note")
    test.run()
    assert session_of(test).asked == 1
    assert measured(test) == dict.fromkeys(("version", "sensor_id", "picture_mean"), (None, None))


def test_a_failed_test_is_tried_again_over_a_port_opened_anew(make: Make) -> None:
    test = make(ApplicationError("test.answer_lost", Sentence("lost")), info(), sensor="required", tries=2)
    test.run()
    assert test.notes == ["test-sensor was tried again: test.answer_lost: lost"]
    assert measured(test)["sensor_id"] == (0x7936, True)
    assert session_of(test).closed >= 1


def test_a_test_that_fails_every_time_fails_the_camera_and_no_other_attempt_follows(make: Make) -> None:
    test = make(info(0), info(0), info(0), sensor="required", tries=3)
    error = failure_of(test)
    assert error.code == "test.sensor"
    assert not cast("ApplicationError", error).retryable
    assert not session_of(test).answers
    assert [one.name for one in test.measurements] == ["sensor_id", "device_id"], "the last try's alone"


def test_only_what_the_settings_ask_for_is_made(make: Make) -> None:
    test = make()
    test.run()
    assert (session_of(test).asked, test.measurements) == (0, [])


def test_access_that_is_denied_is_the_stations_trouble(make: Make) -> None:
    error = failure_of(make(UsbAccessError("usb.access_denied", Sentence("no permission")), sensor="required"))
    assert isinstance(error, UsbAccessError)


# --- what happens at the port -----------------------------------------------------------------------------------------


def test_a_camera_that_left_for_good_was_pulled_out(make: Make, pipe: tuple[Connection, Link]) -> None:
    test = make(VANISHED, sensor="required")
    pipe[0].send(PortChanged(None))
    with pytest.raises(Cancelled) as caught:
        test.run()
    assert (caught.value.request.verdict.outcome, caught.value.request.verdict.code) == (
        Outcome.ABORTED,
        "operator.unplugged",
    )


def test_a_camera_that_left_and_came_back_is_tried_again(make: Make, pipe: tuple[Connection, Link]) -> None:
    test = make(VANISHED, info(), sensor="required")
    pipe[0].send(PortChanged(None))
    pipe[0].send(PortChanged(CAMERA))
    test.run()
    assert measured(test)["sensor_id"] == (0x7936, True)


@pytest.mark.parametrize(
    "error", [NO_ANSWER, ApplicationError("test.no_port", Sentence("no port"))], ids=lambda error: error.code
)
def test_a_camera_that_is_silent_because_it_left_is_no_mute_one(
    make: Make, pipe: tuple[Connection, Link], error: ApplicationError
) -> None:
    test = make(error, info(), sensor="required")
    for device in (None, BOOTLOADER, CAMERA):
        pipe[0].send(PortChanged(device))
    test.run()
    assert test.notes == ["test-sensor was tried again: test.unstable: the camera left the bus during its test"]


def test_a_camera_that_comes_and_goes_is_unstable(make: Make, pipe: tuple[Connection, Link]) -> None:
    test = make(VANISHED, VANISHED, sensor="required")
    for device in (None, CAMERA, None, BOOTLOADER, CAMERA):
        pipe[0].send(PortChanged(device))
    assert failure_of(test).code == "test.unstable"


def test_a_camera_that_stays_passes_and_one_that_leaves_does_not(make: Make, pipe: tuple[Connection, Link]) -> None:
    test = make(stays="required", tries=1)
    test.run()
    assert test.measurements[0].passed
    pipe[0].send(PortChanged(None))
    pipe[0].send(PortChanged(CAMERA))
    test = make(stays="required", tries=1)
    assert failure_of(test).code == "test.unstable"
    assert test.measurements[0].passed is False


def test_another_camera_in_its_place_ends_a_required_test_and_is_a_note_of_others(make: Make) -> None:
    def swapped() -> None:
        raise Cancelled(
            CancelRun(ended_by(Outcome.ABORTED, "operator.unplugged", Sentence("another one was plugged in")))
        )

    test = make(sensor="note")
    session_of(test).before = swapped
    test.run()
    assert test.notes == ["the camera was unplugged during its test"]
    test = make(sensor="required")
    session_of(test).before = swapped
    with pytest.raises(Cancelled):
        test.run()


def test_a_cancelled_run_is_cancelled_whatever_the_tests_decide(make: Make) -> None:
    def cancelled() -> None:
        raise Cancelled(CancelRun(ended_by(Outcome.ABORTED, "operator.cancelled", Sentence("the run was cancelled"))))

    test = make(sensor="note")
    session_of(test).before = cancelled
    with pytest.raises(Cancelled):
        test.run()
