from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from station.sim.spec import CameraSpec
from station.sim.virtual_line import VirtualLine
from tests.harness import Bench, Station
from tests.integration.fault_table import note
from tests.releases import make_demo_release

MakeBench = Callable[[Sequence[CameraSpec]], Bench]


@pytest.fixture(scope="session")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small release, its sizes chosen to end in the middle of a block, of a sector and of 16 bytes."""
    folder = tmp_path_factory.mktemp("release")
    sizes = {"hp_bytes": 41_003, "he_bytes": 20_480, "romfs1_bytes": 9_001, "romfs0_bytes": 400_000}
    make_demo_release(folder, version="4.7.0", **sizes)
    return folder


@pytest.fixture(scope="session")
def newer_release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Another small release."""
    folder = tmp_path_factory.mktemp("newer")
    make_demo_release(
        folder, version="4.8.0", hp_bytes=42_000, he_bytes=20_480, romfs1_bytes=9_001, romfs0_bytes=410_000, seed=2
    )
    return folder


@pytest.fixture
def make_bench(tmp_path: Path, release: Path) -> Iterator[MakeBench]:
    """Build a bench of virtual cameras, none of them plugged in yet."""
    with ExitStack() as stack:

        def make(specs: Sequence[CameraSpec]) -> Bench:
            unplugged = [spec.with_(plugged=False) for spec in specs]
            line = stack.enter_context(VirtualLine(unplugged, shards=1))
            return Bench(line, tmp_path / "data", release)

        yield make


@pytest.fixture(autouse=True)
def noted_in_the_table(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A row of the table of faults for this test, where a file is named for it (see `fault_table`)."""
    name = os.environ.get("FAULT_TABLE")
    seen: list[dict[str, Any]] = []
    if name:
        read = Station.run

        def run(station: Station, *words: Any, **more: Any) -> dict[str, Any]:
            seen.append(read(station, *words, **more))
            return seen[-1]

        monkeypatch.setattr(Station, "run", run)
    yield
    if name and seen:
        note(Path(name), request.node.name, seen)


def serial(number: int) -> str:
    """A serial like a chip's: no number reads the same in both byte orders."""
    return f"{0xA1B2C3D4E5F60718293A0000 + number:024X}"


def camera(number: int, **changes: object) -> CameraSpec:
    """A camera on port 1-1.NUMBER that boots quickly."""
    spec = CameraSpec(serial=serial(number), port_path=f"1-1.{number}", boot_s=0.05, trace=True)
    return spec.with_(**changes)
