from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from station.board.openmv_ae3 import OPENMV_AE3
from station.bundle.store import BundleStore
from station.errors import HINTS, BundleError
from tests.releases import make_demo_release

FILES = ("firmware_M55_HP.bin", "firmware_M55_HE.bin", "romfs1.img", "romfs0.img")
Tree = dict[str, bytes | None]
Refused = Callable[[Path, str], str]


def tree(folder: Path) -> Tree:
    """Everything under a folder: the bytes of files, None for folders."""
    return {
        str(path.relative_to(folder)): None if path.is_dir() else path.read_bytes()
        for path in sorted(folder.rglob("*"))
    }


@pytest.fixture
def make_release(tmp_path: Path) -> Callable[[int], Path]:
    """Small releases in folders of their own, one for each seed."""

    def make(seed: int) -> Path:
        folder = tmp_path / f"release{seed}"
        make_demo_release(
            folder, version=f"v{seed}", hp_bytes=9000, he_bytes=5000, romfs0_bytes=20000, romfs1_bytes=4096, seed=seed
        )
        return folder

    return make


@pytest.fixture
def release(make_release: Callable[[int], Path]) -> Path:
    return make_release(1)


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def store(data_dir: Path) -> BundleStore:
    return BundleStore(data_dir, OPENMV_AE3)


@pytest.fixture
def archive(tmp_path: Path, release: Path) -> Path:
    """The release as the archive that is published: four files, flat."""
    path = tmp_path / "firmware_OPENMV_AE3.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as opened:
        for file in FILES:
            opened.write(release / file, file)
    return path


@pytest.fixture
def refused(data_dir: Path, make_release: Callable[[int], Path]) -> Refused:
    """Import what must be refused, into an empty store and into one with a bundle: neither may change. The message."""

    def check(path: Path, code: str) -> str:
        assert not data_dir.exists()
        with pytest.raises(BundleError) as caught:
            BundleStore(data_dir, OPENMV_AE3).import_path(path)
        assert not data_dir.exists()
        BundleStore(data_dir, OPENMV_AE3).import_path(make_release(99))
        before = tree(data_dir)
        with pytest.raises(BundleError) as again:
            BundleStore(data_dir, OPENMV_AE3).import_path(path)
        assert tree(data_dir) == before
        assert (caught.value.code, again.value.code) == (code, code), str(caught.value)
        assert str(again.value) == str(caught.value)
        assert "\n" not in str(caught.value)
        assert HINTS[code]
        return str(caught.value)

    return check
