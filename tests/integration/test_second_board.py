"""A made-up second board, defined in this file alone, flashed by the real line, holder and worker."""

from __future__ import annotations

import hashlib
import threading
from pathlib import Path

import pytest

from station.board.board import Board, HoldRule, ReleaseNames
from station.board.boot_header import BootHeaderRule
from station.board.partition import ImageKind, Medium, Partition, PartitionLimits, ReleaseImage
from station.board.serial_rule import SerialForm, SerialRule
from station.board.usb_ids import UsbIds
from station.bundle.demo_release import make_demo_release
from station.bundle.store import BundleStore
from station.line.listeners import Listeners
from station.line.setup import LineSetup
from station.model.batches import Batch
from station.model.notices import Notice
from station.model.recipes import Recipe
from station.model.runs import ImagePlan, Outcome, RunOptions, RunRecord
from station.settings import Settings, StationSection
from station.settings.board_recipes import recipes_of, steps_of
from station.sim import partitions as virtual
from station.sim.spec import CameraSpec
from station.sim.virtual_line import VirtualLine
from station.usb.access import UsbAccess
from station.usb.watcher import VirtualWatcher
from station.wiring.bench import Bench
from station.wiring.line import running_line

IDS = UsbIds(vendor_id=0x1209, dfu_product_id=0x0D01, application_product_id=0x0D02)
LIMITS = PartitionLimits(request_s=5.0, write_s=5.0, manifest_s=5.0, upload_s=5.0, detach_s=2.0)
CHIP, SPI = Medium.ON_CHIP, Medium.EXTERNAL

OTTER = Board(
    name="Otter 2",
    ids=IDS,
    block_bytes=4096,
    transfer_bytes=4096,
    end_frame_bytes=4,
    erase_unit_bytes=4096,
    partitions=(
        Partition(0, "LOADER", 0x90000000, 0x90008000, CHIP, LIMITS, writable=False, locked=True, seen_read=True),
        Partition(
            1,
            "FIRMWARE",
            0x90008000,
            0x90048000,
            CHIP,
            LIMITS,
            locked=True,
            seen_read=True,
            image=ReleaseImage("otter.bin", ImageKind.FIRMWARE, 30_001),
        ),
        Partition(2, "FACTORY", 0x90048000, 0x9004A000, CHIP, LIMITS, writable=False, locked=True),
        Partition(3, "ASSETS", 0, 0x40000, SPI, LIMITS, image=ReleaseImage("assets.img", ImageKind.ROMFS, 90_000)),
    ),
    earlier_tables=(),
    built="in 2026",
    image_order=("ASSETS", "FIRMWARE"),
    release=ReleaseNames("OTTER_2", "otter_2.zip", r"OPENMV_[A-Z0-9_]*"),
    hold=HoldRule(total_s=4.0, retry_s=0.5),
    boot_header=BootHeaderRule("LOADER", 1, 0xB00710AD, 32, 0x0200, "1.0.1"),
    serial=SerialRule((SerialForm.EQUAL,)),
)
SERIAL = "OTTER-0001"
SPEC = CameraSpec(
    serial=SERIAL,
    port_path="1-1.1",
    boot_s=0.05,
    plugged=False,
    application_serial="same",
    vendor_id=IDS.vendor_id,
    bootloader_product_id=IDS.dfu_product_id,
    application_product_id=IDS.application_product_id,
    partition_table=(
        virtual.Partition("LOADER", 0x90000000, 0x90008000, virtual.Medium.ON_CHIP, read_only=True),
        virtual.Partition("FIRMWARE", 0x90008000, 0x90048000, virtual.Medium.ON_CHIP),
        virtual.Partition("FACTORY", 0x90048000, 0x9004A000, virtual.Medium.ON_CHIP, read_only=True),
        virtual.Partition("ASSETS", 0, 0x40000, virtual.Medium.EXTERNAL),
    ),
)


def ignore(*_: object) -> None:
    return


def line_setup(store: BundleStore, release: Path) -> LineSetup:
    bundle = store.import_path(release)
    images = {each.partition: each for each in bundle.images}
    steps = steps_of(OTTER)
    recipe = Recipe("full", tuple(steps[step] for step in recipes_of(OTTER)["full"]))
    plans = tuple(
        ImagePlan(each.partition, each.alt, str(store.image_path(each)), each.size_bytes, each.sha256)
        for each in (images[name] for name in recipe.partitions)
    )
    options = RunOptions(boot_stays_s=0.1)
    return LineSetup("s", recipe, bundle.name, bundle.sha256, plans, options, stop_after=1, workers_spare=1)


def flashed(line: VirtualLine, store: BundleStore, data_dir: Path, release: Path) -> RunRecord:
    runs: list[RunRecord] = []
    access = UsbAccess("usbip", tuple(str(path) for path in line.addresses))
    bench = Bench(access, VirtualWatcher(access, OTTER.ids), board=OTTER)

    def on_batch(_batch: Batch | None, _operator: str | None) -> None:
        return

    def on_notice(_notice: Notice) -> None:
        return

    heard = Listeners(runs.append, on_batch, ignore, on_notice)
    settings = Settings(station=StationSection(id="s", data_dir=str(data_dir)))  # type: ignore[arg-type]
    with running_line(settings, bench, line_setup(store, release), heard) as running:
        watchdog = threading.Timer(12.0, lambda: running.stop(abort=True))
        watchdog.start()
        running.run(line.plug_all)
        watchdog.cancel()
    (run,) = runs
    return run


def test_another_board_is_flashed_and_read_back(tmp_path: Path) -> None:
    make_demo_release(tmp_path / "release", OTTER)
    store = BundleStore(tmp_path / "data", OTTER)
    with VirtualLine([SPEC], shards=1) as line:
        run = flashed(line, store, tmp_path / "data", tmp_path / "release")
        assert (run.outcome, run.code, run.serial, run.bootloader) == (Outcome.PASS, None, SERIAL, "1.0.3"), run
        assert [image.partition for image in run.attempts[0].images] == ["ASSETS", "FIRMWARE"]
        for name, file in (("ASSETS", "assets.img"), ("FIRMWARE", "otter.bin")):
            content = (tmp_path / "release" / file).read_bytes()
            assert line.memory_sha256(SERIAL, name, len(content)) == hashlib.sha256(content).hexdigest()


def test_its_words_are_the_recipes() -> None:
    assert recipes_of(OTTER) == {"full": ("ASSETS", "FIRMWARE"), "firmware": ("FIRMWARE",), "assets": ("ASSETS",)}


def test_a_board_whose_order_names_no_image_is_refused() -> None:
    from dataclasses import replace

    with pytest.raises(ValueError, match="order names other images"):
        replace(OTTER, image_order=("FIRMWARE",))
