"""The auditor: the cameras' own memory and history against the log. It knows nothing of how the station works.

1. No green camera whose memory differs from the bundle.
2. No camera that was written to without a run in the log.
3. No run that is open after the station was started and stopped in peace.
4. No run twice: in the log, under its own key or another, or printed otherwise than logged.
5. A run that was printed as PASS is a PASS in the log.
6. No sound camera failed by its link because a hand pulled it out for good.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from tests.torture.tray import Treated

Run = Mapping[str, Any]


def violations(
    cameras: Iterable[Treated], logged: Sequence[Run], printed: Sequence[Run], sha256: Mapping[str, str]
) -> list[str]:
    """Each breach of the rules, one line each."""
    by_serial: dict[str, list[Run]] = {}
    for run in logged:
        by_serial.setdefault(run["serial"], []).append(run)
    found = [*_of_cameras(cameras, by_serial, sha256), *_of_runs(logged, printed)]
    return sorted(found)


def _of_cameras(
    cameras: Iterable[Treated], by_serial: Mapping[str, list[Run]], sha256: Mapping[str, str]
) -> Iterator[str]:
    for camera in cameras:
        runs = [run for run in by_serial.get(camera.spec.serial, []) if _is_of(run, camera)]
        if camera.blocks_written and not runs:
            yield f"{camera.spec.serial} ({camera.fault}): {camera.blocks_written} blocks written, no run in the log"
        if runs and not camera.superseded and _is_green(runs[-1]) and camera.memory != sha256:
            wrong = [partition for partition, digest in sha256.items() if camera.memory.get(partition) != digest]
            yield f"{camera.spec.serial} ({camera.fault}): green, and {', '.join(wrong)} are not the bundle's"
        if camera.fault == "none":
            yield from (
                f"{camera.spec.serial}: pulled out, and {run['code']}: {run.get('message', '')}"
                for run in runs
                if _blamed(run, camera)
            )


def _blamed(run: Run, camera: Treated) -> bool:
    """Whether the run ended as a fault of the camera's link, and a hand ended it: it was not back before its end."""
    if run["outcome"] != "FAIL" or not str(run["code"]).startswith("usb."):
        return False
    began, ended = run["started_at"], run["finished_at"]
    return any(
        began < absence.since.isoformat() < ended and not (absence.until and absence.until.isoformat() < ended)
        for absence in camera.absences
    )


def _is_of(run: Run, camera: Treated) -> bool:
    """Whether a run may have been this camera's: another with its serial may have been run before it. One that is put
    into the same port in the middle of a run takes that run over; it is proven byte for byte like any other."""
    since = camera.plugged_at.isoformat()
    taken_over = run["port_path"] == camera.spec.port_path and (run["finished_at"] or since) >= since
    return bool(run["started_at"] >= since or taken_over)


def _is_green(run: Run) -> bool:
    return bool(run["outcome"] == "PASS" or run["code"] == "unit.already_passed")


def _of_runs(logged: Sequence[Run], printed: Sequence[Run]) -> Iterator[str]:
    by_id = {run["run_id"]: run for run in logged}
    for run_id, times in Counter(run["run_id"] for run in logged).items():
        if times > 1:
            yield f"run {run_id} is in the log {times} times"
    keys: dict[tuple[str, str], set[str]] = {}
    for run in logged:
        keys.setdefault((run["serial"], run["started_at"]), set()).add(run["run_id"])
    for (serial, began), ids in keys.items():
        if len(ids) > 1:
            yield f"the run of {serial} that began at {began} is in the log under {len(ids)} keys"
    for run in logged:
        if run["outcome"] is None:
            yield f"run {run['run_id']} of {run['serial']} is open"
    for run_id, times in Counter(run["run_id"] for run in printed).items():
        if times > 1:
            yield f"run {run_id} was printed {times} times"
    for run in printed:
        kept = by_id.get(run["run_id"])
        if run["outcome"] == "PASS" and (kept is None or kept["outcome"] != "PASS"):
            yield f"run {run['run_id']}: green before the log had it ({kept and kept['outcome']})"
