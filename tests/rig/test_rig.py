"""The station against a real kernel, real udev and unmodified dfu-util: one boot, a test for each case.

At native speed, in a User-Mode Linux kernel; and once more, one session of it, on two processors and Debian's kernel.
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.rig.cases import CASES
from tests.rig.emulated import run_emulated
from tests.rig.guest import run_in_guest
from tests.rig.host import HostError
from tests.rig.watch import GuestError, GuestResult

pytestmark = [pytest.mark.rig, pytest.mark.timeout(2700)]

LIMIT_S = 1000.0
HOTPLUG_CASES = CASES[:3]


@dataclass
class Results:
    """What the guest wrote, and how it ended."""

    cases: dict[str, dict[str, Any]] = field(default_factory=dict)
    broken: list[str] = field(default_factory=list)


@pytest.fixture(scope="session")
def results(tmp_path_factory: pytest.TempPathFactory) -> Results:
    """Boot once, run everything."""
    return _run(run_in_guest, tmp_path_factory.mktemp("rig"))


def _run(guest: Callable[..., GuestResult], scratch: Path, *sessions: str) -> Results:
    found = Results()
    try:
        ended = guest([sys.executable, "-m", "tests.rig.inside", *sessions], scratch, LIMIT_S)
        if ended.exit_code:
            found.broken.append(f"ended with {ended.exit_code}: {ended.stderr[-4000:]}")
    except HostError as error:
        pytest.skip(f"the rig's guest cannot be made here: {error}")
    except GuestError as error:
        if math.isnan(error.result.boot_s):
            pytest.skip(f"the rig's guest does not start here: {error}")
        found.broken.append(str(error))
    _read(scratch / "results.jsonl", found)
    return found


def _read(file: Path, found: Results) -> None:
    for line in file.read_text().splitlines() if file.exists() else ():
        result = json.loads(line)
        if "case" in result:
            found.cases[result["case"]] = result
        elif result["error"]:
            found.broken.append(f"session {result['session']}: {result['error']}")


@pytest.mark.parametrize("case", CASES)
def test_rig(results: Results, case: str, record_testsuite_property: Callable[[str, object], None]) -> None:
    result = results.cases.get(case)
    assert result is not None, "\n".join(["the guest never came to it", *results.broken])
    for name, value in result["facts"].items():
        # Of the suite, not of the test: the form of --junitxml that pytest writes has no properties of a test.
        record_testsuite_property(f"{case}.{name}", value)
    assert not result["error"], result["error"]


def test_the_guest_decided_all_cases_and_no_others(results: Results) -> None:
    assert sorted(results.cases) == sorted(CASES)
    assert results.broken == []


def test_sixteen_cameras_on_two_processors(tmp_path: Path) -> None:
    """Emulated: what only two processors do at once, the native guest's one cannot show."""
    found = _run(run_emulated, tmp_path, "hotplug")
    assert found.broken == []
    assert {name: result["error"] for name, result in found.cases.items()} == dict.fromkeys(HOTPLUG_CASES, "")
