"""A disk that fills while cameras are at work: what they came to is kept, and none of it was green."""

from __future__ import annotations

import json

from tests.harness import wait_for
from tests.rig.small_disk import SmallDisk
from tests.rig.workbench import Workbench, collect

LONG_S = 600.0


def full_disk(bench: Workbench) -> None:
    """Three cameras at work when the disk fills; a fourth comes while it is full; then there is room again."""
    numbers = range(3)
    late = 3
    bench.put(*(bench.camera(number, profile="nor") for number in numbers), bench.camera(late))
    folder = bench.data_dir()
    disk = SmallDisk(folder)
    with bench.station(data_dir=folder) as running:
        bench.plug(*numbers)
        for number in numbers:
            bench.wait_middle(number)
        wait_for(lambda: disk.fill(LONG_S), "a full disk")
        found = collect(running, 3)
        bench.plug(late)
        found |= collect(running, 1)
        untouched = not bench.line.state(bench.paths[late])["blocks_written"]
        disk.free()
        running.interrupt()
        assert running.end() in (4, 130), running.talk
    ends = {path: (runs[0]["outcome"], runs[0]["code"]) for path, runs in found.items()}
    with bench.case("a_disk_that_fills_makes_no_camera_green") as facts:
        facts["ends"] = sorted(set(ends.values()))
        assert ends == dict.fromkeys(bench.paths[:4], ("ERROR", "ledger.write_failed")), ends
        assert untouched, "it was written to although its run could not be opened"
    for number in numbers:
        bench.line.unplug(bench.paths[number])
    with bench.station("--stop-after", "1", data_dir=folder) as running:
        bench.wait_gone(bench.paths[0])
        bench.plug(0)
        again = collect(running, 1)
        running.end()
    with bench.case("what_a_full_disk_kept_is_in_the_log_later"):
        done = bench.zygote.run(["export", "--data-dir", folder])
        logged = [json.loads(line) for line in done.stdout.splitlines()]
        kept = {run["run_id"]: run["code"] for run in logged if run["outcome"] == "ERROR"}
        assert kept == {runs[0]["run_id"]: "ledger.write_failed" for runs in found.values()}, logged
        assert [run["outcome"] for runs in again.values() for run in runs] == ["PASS"], again
    bench.clear()
