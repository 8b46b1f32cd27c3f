"""The station against a real kernel, real udev and unmodified dfu-util, in a guest: one boot, a test for each case."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.rig.cases import CASES
from tests.rig.guest import GuestError, run_in_guest
from tests.rig.image import ImageError

pytestmark = [pytest.mark.rig, pytest.mark.timeout(1500)]

LIMIT_S = 1000.0


@dataclass
class Results:
    """What the guest wrote, and how it ended."""

    cases: dict[str, dict[str, Any]] = field(default_factory=dict)
    broken: list[str] = field(default_factory=list)


@pytest.fixture(scope="session")
def results(tmp_path_factory: pytest.TempPathFactory) -> Results:
    """Boot once, run everything."""
    if os.geteuid() != 0 and not shutil.which("qemu-system-x86_64"):
        pytest.skip("the rig needs QEMU, and root to install it (apt-get install qemu-system-x86)")
    scratch = tmp_path_factory.mktemp("rig")
    found = Results()
    try:
        ended = run_in_guest([sys.executable, "-m", "tests.rig.inside"], scratch, LIMIT_S)
        if ended.exit_code:
            found.broken.append(f"ended with {ended.exit_code}: {ended.stderr[-4000:]}")
    except ImageError as error:
        pytest.skip(f"the rig's guest cannot be made here: {error}")
    except GuestError as error:
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
