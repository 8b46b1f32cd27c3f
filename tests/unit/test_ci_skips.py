"""With CI set, nothing may be skipped: not by a mark, not in a body, not a whole module."""

from __future__ import annotations

from pathlib import Path

import pytest

CONFTEST = Path(__file__).parents[1] / "conftest.py"

SKIPS = {
    "mark": "import pytest\n@pytest.mark.skip(reason='no time')\ndef test_it(): pass\n",
    "body": "import pytest\ndef test_it(): pytest.skip('no time')\n",
    "fixture": "import pytest\n@pytest.fixture\ndef thing(): pytest.skip('no time')\ndef test_it(thing): pass\n",
    "module": "import pytest\npytest.skip('no time', allow_module_level=True)\ndef test_it(): pass\n",
}

WITHOUT_SNAPSHOTS = ("-p", "no:textual-snapshot")
"""That plugin keeps one folder a process, and would take it away from the tests outside when the inner ones end."""


@pytest.fixture
def inner(pytester: pytest.Pytester) -> pytest.Pytester:
    pytester.makeconftest(CONFTEST.read_text())
    return pytester


@pytest.mark.parametrize("how", SKIPS)
def test_a_skip_fails_in_ci(inner: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, how: str) -> None:
    monkeypatch.setenv("CI", "true")
    inner.makepyfile(SKIPS[how])
    result = inner.runpytest_inprocess(*WITHOUT_SNAPSHOTS)
    assert result.ret != pytest.ExitCode.OK
    result.stdout.fnmatch_lines(["*no time (CI is set: a skip counts as a failure)*"])
    assert "skipped" not in result.parseoutcomes()


def test_a_skip_fails_in_ci_where_tests_run_side_by_side(
    inner: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There a test is skipped in one process and counted in another."""
    monkeypatch.setenv("CI", "true")
    monkeypatch.delenv("PYTEST_XDIST_WORKER", raising=False)
    inner.makepyfile(**{f"test_{how}": text for how, text in SKIPS.items()}, test_passes="def test_it(): pass\n")
    result = inner.runpytest_subprocess(
        *WITHOUT_SNAPSHOTS, "-n", "2", "--dist", "worksteal", "--continue-on-collection-errors"
    )
    assert result.ret != pytest.ExitCode.OK
    assert result.stdout.str().count("no time (CI is set: a skip counts as a failure)") >= len(SKIPS)
    result.assert_outcomes(passed=1, failed=1, errors=3)


@pytest.mark.parametrize("how", ["mark", "body", "fixture"])
def test_a_skip_is_a_skip_elsewhere(inner: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, how: str) -> None:
    monkeypatch.delenv("CI", raising=False)
    inner.makepyfile(SKIPS[how])
    inner.runpytest_inprocess(*WITHOUT_SNAPSHOTS).assert_outcomes(skipped=1)


def test_an_expected_failure_is_no_skip(inner: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "true")
    inner.makepyfile("import pytest\n@pytest.mark.xfail\ndef test_it(): assert False\n")
    inner.runpytest_inprocess(*WITHOUT_SNAPSHOTS).assert_outcomes(xfailed=1)
