from __future__ import annotations

import os
from collections.abc import Generator
from typing import Any

import pytest

Report = pytest.TestReport | pytest.CollectReport


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
