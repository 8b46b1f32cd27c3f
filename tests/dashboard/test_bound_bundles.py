"""A bundle that is bound to batches, at a line with a screen: cameras wait until one of these is begun."""

from __future__ import annotations

from pathlib import Path

from tests.dashboard.conftest import Watch
from tests.harness import station, wait_for
from tests.integration.conftest import MakeBench, camera, serial


def test_no_camera_gets_it_before_a_batch_that_it_is_for(make_bench: MakeBench, watch: Watch, tmp_path: Path) -> None:
    bench = make_bench([camera(1)])
    key = tmp_path / "key.pem"
    station("bundle", "sign", "--new-key", key)
    station("bundle", "import", bench.release, "--name", "v5", "--data-dir", bench.data_dir)
    bound = ("--key", key, "--batch", "L*", "--part-number", "P1", "--data-dir", bench.data_dir)
    assert station("bundle", "sign", "v5", *bound).returncode == 0
    with bench.station("--bundle", "v5", "--serve", "--json", "--part-number", "P1") as running:
        screen = watch(bench)
        wait_for(lambda: bench.held(serial(1)), "the camera is held")
        status = screen.snapshot()["status"]
        assert (status["paused"], status["paused_code"]) == (True, "bundle.not_for_this_batch")
        screen.ask("begin_batch", name="M1", operator=None, planned=None)
        assert screen.fact("refused")["code"] == "bundle.not_for_this_batch"
        screen.ask("resume")
        wait_for(lambda: {"done": "resume"} in screen.facts, "the request to go on")
        assert screen.snapshot()["status"]["paused"]
        assert bench.blocks_written(serial(1)) == 0
        screen.ask("begin_batch", name="L1", operator=None, planned=None)
        run = running.run()
        assert (run["outcome"], run["batch"], run["part_number"]) == ("PASS", "L1", "P1")
        running.interrupt()
