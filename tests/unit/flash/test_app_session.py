"""A worker's conversation with a virtual camera, over a pseudo-terminal."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from station.app.app_client import Client
from station.errors import ApplicationError
from station.flash.app_session import AppSession
from station.flash.messages import CancelRun
from station.flash.pipe import Cancelled
from station.model.functional_tests import FunctionalTests
from station.model.runs import Outcome
from station.model.verdicts import ended_by
from station.problem import Sentence
from station.sim.application_spec import ApplicationSpec, KnownScript
from tests.unit.sim.conftest import Served

QUICK = FunctionalTests(answer_s=0.5, limit_s=5.0, port_s=0.2)


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    made = Served(tmp_path)
    yield made
    made.close()


def look() -> None:
    """Nothing happened."""


def code_of(session: AppSession) -> str:
    def asked() -> None:
        session.begin(QUICK.port_s)
        session.ask(Client.system_info)

    with pytest.raises(ApplicationError) as caught:
        asked()
    session.close()
    return caught.value.code


def test_questions_and_a_script_are_answered_and_the_port_is_opened_anew(served: Served) -> None:
    tty = served.application()
    session = AppSession("1-1.1", lambda: tty, QUICK, look)
    for _ in range(2):
        session.begin(QUICK.port_s)
        assert session.ask(Client.system_info).sensor_ids[0] == 0x7936
        assert session.run_script("print('here')", 2.0).text == "here\n"
        session.close()


def test_a_mute_camera_and_one_without_a_port_end_within_their_limits(served: Served) -> None:
    tty = served.application(application=ApplicationSpec(answers="none"))
    assert code_of(AppSession("1-1.1", lambda: tty, QUICK, look)) == "test.no_answer"
    assert code_of(AppSession("1-1.1", lambda: None, QUICK, look)) == "test.no_port"


def test_a_port_that_vanished_says_so(served: Served) -> None:
    tty = served.application()
    session = AppSession("1-1.1", lambda: tty, QUICK, look)
    session.begin(QUICK.port_s)
    session.ask(Client.system_info)
    served.control.ask("unplug", port_path="1-1.1")
    served.departure()
    with pytest.raises(ApplicationError) as caught:
        session.ask(Client.system_info)
    assert caught.value.code == "test.port_vanished"
    session.close()


def test_a_test_that_takes_too_long_is_ended(served: Served) -> None:
    slow = KnownScript("sleep", seconds=60.0)
    tty = served.application(application=ApplicationSpec(scripts=(slow,)))
    session = AppSession("1-1.1", lambda: tty, FunctionalTests(limit_s=1.0), look)
    session.begin(1.0)
    with pytest.raises(ApplicationError) as caught:
        session.run_script("sleep()", 30.0)
    assert caught.value.code == "test.script_timeout"
    session.close()


def test_a_cancellation_is_heard_in_the_middle_of_an_answer(served: Served) -> None:
    tty = served.application(application=ApplicationSpec(answers="none"))
    looks = 0

    def look_and_cancel() -> None:
        nonlocal looks
        looks += 1
        if looks == 4:  # the port was looked for, the question is sent, and its answer is waited for
            raise Cancelled(
                CancelRun(ended_by(Outcome.ABORTED, "operator.cancelled", Sentence("the run was cancelled")))
            )

    session = AppSession("1-1.1", lambda: tty, FunctionalTests(answer_s=60.0, limit_s=60.0), look_and_cancel)
    session.begin(1.0)
    with pytest.raises(Cancelled):
        session.ask(Client.system_info)
    session.close()
