from __future__ import annotations

import os
import signal
from collections.abc import Generator
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

MOST_WORKERS = 6
Report = pytest.TestReport | pytest.CollectReport


def pytest_configure() -> None:
    """Signals mean to the programs under test what they mean on a terminal: `nohup` and a shell's background jobs have
    them ignored, and a child inherits that. A handler it does not inherit."""
    if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
        signal.signal(signal.SIGHUP, lambda _number, _frame: None)
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    # How long an example takes says how busy the machine is.
    settings.register_profile("busy", deadline=None, suppress_health_check=[HealthCheck.too_slow])
    settings.load_profile("busy")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """For `-n auto`: the tests wait more than they work, so that a core carries more than one of them. With too many at
    once, cameras that leave their bootloader after 1.5 s are held too late."""
    return min(len(os.sched_getaffinity(0)) + 2, MOST_WORKERS)


NICENESS = os.getpriority(os.PRIO_PROCESS, 0)


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown() -> None:
    """A line that a test runs in this process goes before all else, and so would every test after it."""
    if os.getpriority(os.PRIO_PROCESS, 0) < NICENESS:
        os.setpriority(os.PRIO_PROCESS, 0, NICENESS)


def _fail_if_skipped(report: Report) -> None:
    """On the CI machine a test that did not run proves nothing, so a skip is a failure there."""
    in_ci = os.environ.get("CI", "").lower() not in ("", "0", "false")
    if in_ci and report.outcome == "skipped" and not hasattr(report, "wasxfail"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        report.outcome = "failed"
        report.longrepr = f"{reason} (CI is set: a skip counts as a failure)"


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    _fail_if_skipped(report)
    return report


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_make_collect_report(collector: Any) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    _fail_if_skipped(report)
    return report
