"""The table of faults: what the cameras of each test came to, the broken one and its neighbours, and how long it took;
then those in which no camera runs, with what happens and the test that proves it.

    FAULT_TABLE=faults.md tests/run tests/integration -k "hostile or fault or hub_loss or recovery or full_disk"
    python -m tests.integration.fault_table faults.md
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

HEAD = "| fault | each camera: port, how it ended, seconds |\n|---|---|\n"
LONGEST = 60

WITHOUT_CAMERA = (
    (
        "udev's socket overruns",
        "the bus is listed again, the difference is reported",
        "unit/usb/test_watchers.py::test_after_an_overflow_the_difference_is_told",
    ),
    (
        "a bus number changes at a reboot, or two controllers are swapped",
        "slots follow the controller's own path",
        "unit/usb/test_controllers.py::test_slots_are_found_by_their_controller",
    ),
    (
        "no power or bandwidth for a camera (ENOENT, ENOMEM, ENOSPC at claim)",
        "ERROR `usb.no_power`, `usb.no_bandwidth`, with the hub",
        "unit/usb/test_failures.py::test_what_this_machine_lacks_is_not_the_cameras_fault",
    ),
    (
        "a policy of this machine (USBGuard) does not allow a camera",
        "ERROR `usb.not_authorized`",
        "unit/usb/test_failures.py::test_a_camera_that_a_policy_keeps_off_has_power_enough",
    ),
    (
        "a worker or the holder hangs",
        "it is ended and replaced; its run is ERROR `worker.died`",
        "unit/line/test_hung_children.py::test_a_worker_that_tells_nothing_any_more_is_ended_and_its_run_with_it",
    ),
    (
        "a bit of the log that turned inside a row",
        "`ledger.corrupt`, with the command that restores a backup without it",
        "unit/ledger/test_unreadable.py::test_a_log_with_a_value_that_cannot_be_read_is_refused_with_the_way_back",
    ),
    (
        "a log of no bytes that was none",
        "`ledger.corrupt`; no new log is begun in its place",
        "unit/ledger/test_damage.py::test_a_log_that_was_emptied_is_no_new_one",
    ),
    (
        "a log copied back beside an old -wal",
        "`ledger.corrupt` for whoever reads or writes, with the command that restores",
        "unit/ledger/test_damage.py::test_a_log_put_back_beside_an_old_wal_is_refused_by_all",
    ),
    (
        "a log that is outdated or locked at the start",
        "`ledger.schema_outdated`, `ledger.write_failed`; no camera is taken",
        "integration/test_refused_log.py::test_no_camera_is_taken_by_a_line_that_could_not_record_it",
    ),
    (
        "a restore that is cut off",
        "can be done again, leaves nothing stale",
        "unit/ledger/test_damage.py::test_a_restore_that_is_cut_off_is_refused_and_can_be_done_again",
    ),
    (
        "a data folder that may only be read",
        "what reads works, what writes says so",
        "unit/cli/test_unwritable_folder.py::test_what_writes_says_so",
    ),
    (
        "SIGKILL of who writes the log",
        "no committed run is lost",
        "unit/ledger/test_killed.py::test_sigkill_loses_no_committed_run",
    ),
    (
        "a full disk: an upgrade of the log",
        "`ledger.disk_full`, exit 4; the log is as it was, byte by byte",
        "integration/test_full_disk.py::test_an_upgrade_without_room_changes_nothing",
    ),
    (
        "a full disk: backup; report, export or page to a file",
        "`ledger.disk_full`, exit 4; `usage.output`, exit 2; nothing is half there",
        "integration/test_full_disk.py::test_files_that_find_no_room_are_not_half_there",
    ),
    (
        "a full disk: what only reads",
        "works; the doctor names the disk",
        "integration/test_full_disk.py::test_what_only_reads_works_on_a_full_disk",
    ),
    (
        "a full disk: an audited act",
        "`ledger.disk_full`, exit 4; neither the act nor a row of it",
        "integration/test_full_disk.py::test_an_audited_act_without_room_is_not_half_done",
    ),
    (
        "a full disk: nobody makes room within three minutes",
        "ERROR `ledger.write_failed`, the camera was not touched; the line ends, exit 4",
        "unit/ledger/test_recorder.py::test_an_opening_that_waits_for_room_is_refused_when_nobody_makes_any",
    ),
)
"""The fault, its code or what happens, and the test below `tests` that proves it (a test checks that it is there)."""


def note(file: Path, test: str, runs: Iterable[Mapping[str, Any]]) -> None:
    """One row: a test's name, and the runs that it saw, in the order of their ports."""
    ended = sorted(map(_ended, runs))
    with file.open("a") as stream:
        if not stream.tell():
            stream.write(HEAD)
        stream.write(f"| {_readable(test)} | {'; '.join(ended)} |\n")


def note_those_without_camera(file: Path) -> None:
    """The second table, behind the first."""
    rows = "".join(f"| {fault} | {what} | `tests/{test}` |\n" for fault, what, test in WITHOUT_CAMERA)
    with file.open("a") as stream:
        stream.write(f"\nNo camera runs in these:\n\n| fault | code, or what happens | test |\n|---|---|---|\n{rows}")


def _readable(test: str) -> str:
    """A test's name as words; of what it was given, what can be read of it."""
    name, _, given = test.removeprefix("test_").replace("_", " ").replace("|", "/").partition("[")
    shown = given.removesuffix("]").encode("ascii", "replace").decode()
    return f"{name}: {shown[:LONGEST]}{'…' if len(shown) > LONGEST else ''}" if given else name


def _ended(run: Mapping[str, Any]) -> str:
    seconds = "" if run["duration_s"] is None else f", {run['duration_s']:.1f}"
    return f"{run['port_path']}: {run['outcome']} {run['code'] or ''}".strip() + seconds


if __name__ == "__main__":
    note_those_without_camera(Path(sys.argv[1]))
