"""Power cuts, full disks and two imports at once, each with a real process and the real system calls."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from station.board.openmv_ae3 import OPENMV_AE3
from station.bundle.store import BundleStore
from station.errors import BundleError, BusyError

ROOT = Path(__file__).parents[3]

KILLED = """
import os, signal, sys
from pathlib import Path
from station.board.openmv_ae3 import OPENMV_AE3
from station.bundle.store import BundleStore
seen = 0
def die(event, _arguments):
    global seen
    if event in ("os.rename", "os.mkdir", "tempfile.mkstemp", "os.listdir", "os.unlink"):
        seen += 1
        if seen == int(sys.argv[3]):
            os.kill(os.getpid(), signal.SIGKILL)
sys.addaudithook(die)
BundleStore(Path(sys.argv[1]), OPENMV_AE3).import_path(Path(sys.argv[2]))
print("done")
"""
"""Dies at the n-th call that changes a folder (or is near one); says so if there was none."""

LIMITED = """
import resource, sys
from pathlib import Path
from station.board.openmv_ae3 import OPENMV_AE3
from station.bundle.store import BundleStore
from station.errors import BundleError
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[3]), int(sys.argv[3])))
try:
    BundleStore(Path(sys.argv[1]), OPENMV_AE3).import_path(Path(sys.argv[2]))
except BundleError as error:
    print(error.code)
"""
"""Imports with a limit on the size of any file written, which fails as a full disk does: in the middle of a write."""

NAMED = """
import sys
from pathlib import Path
from station.board.openmv_ae3 import OPENMV_AE3
from station.bundle.store import BundleStore
from station.errors import BundleError
store = BundleStore(Path(sys.argv[1]), OPENMV_AE3)
print("ready", flush=True)
sys.stdin.readline()
try:
    print(store.import_path(Path(sys.argv[2]), name=sys.argv[3] or None).sha256)
except BundleError as error:
    print(error.code)
"""


def run(program: str, *words: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", program, *map(str, words)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)


def files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


def test_an_import_that_is_killed_leaves_a_whole_bundle_or_none(release: Path, tmp_path: Path) -> None:
    clean = tmp_path / "clean"
    expected = BundleStore(clean, OPENMV_AE3).import_path(release)
    moments = 0
    while True:
        data_dir = tmp_path / f"killed{moments}"
        done = run(KILLED, data_dir, release, moments + 1)
        if done.stdout == "done\n":
            break
        assert done.returncode == -signal.SIGKILL, done.stderr
        moments += 1
        store = BundleStore(data_dir, OPENMV_AE3)
        assert store.broken() == ()
        for bundle in store.list():
            store.verify(bundle)
        again = store.import_path(release)
        assert (again.name, again.images) == (expected.name, expected.images)
        assert files(data_dir) == files(clean)
    assert moments >= 15  # five renames and five temporary files at least


def test_what_a_killed_import_left_is_swept_by_the_next(
    make_release: Callable[[int], Path], tmp_path: Path, data_dir: Path
) -> None:
    """Also by the import of another release: the orphaned images of the first go, too."""
    renames_done = 0
    for moment in range(1, 40):
        folder = tmp_path / f"data{moment}"
        if run(KILLED, folder, make_release(1), moment).stdout:
            break
        objects = folder / "bundles/objects"
        orphans = not BundleStore(folder, OPENMV_AE3).list() and objects.exists() and any(objects.iterdir())
        renames_done += bool(orphans)
        BundleStore(folder, OPENMV_AE3).import_path(make_release(2))
        BundleStore(data_dir / str(moment), OPENMV_AE3).import_path(make_release(2))
        if not [bundle for bundle in BundleStore(folder, OPENMV_AE3).list() if bundle.version.startswith("OpenMV v1;")]:
            assert files(folder) == files(data_dir / str(moment))
    assert renames_done


@pytest.mark.parametrize("limit_bytes", [0, 1000, 4500, 8000, 15000])
def test_a_full_disk_leaves_nothing(release: Path, data_dir: Path, limit_bytes: int) -> None:
    done = run(LIMITED, data_dir, release, limit_bytes)
    assert (done.stdout, done.stderr) == ("bundle.not_stored\n", "")
    assert not data_dir.exists()


@pytest.mark.parametrize("limit_bytes", [0, 1000, 4500, 8000, 15000])
def test_a_full_disk_leaves_the_other_bundles(
    make_release: Callable[[int], Path], data_dir: Path, limit_bytes: int
) -> None:
    store = BundleStore(data_dir, OPENMV_AE3)
    there = store.import_path(make_release(1))
    before = files(data_dir)
    assert run(LIMITED, data_dir, make_release(2), limit_bytes).stdout == "bundle.not_stored\n"
    assert files(data_dir) == before
    store.verify(there)


def test_enough_room_is_enough(release: Path, data_dir: Path) -> None:
    done = run(LIMITED, data_dir, release, 20_000)
    assert (done.stdout, done.stderr) == ("", "")
    assert len(BundleStore(data_dir, OPENMV_AE3).list()) == 1


@pytest.mark.parametrize("blocked", ["", "bundles", "bundles/objects", "bundles/manifests"])
def test_a_file_where_a_folder_should_be(release: Path, data_dir: Path, blocked: str) -> None:
    path = data_dir / blocked
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("not a folder")
    before = files(data_dir.parent)
    with pytest.raises(BundleError) as caught:
        BundleStore(data_dir, OPENMV_AE3).import_path(release)
    assert caught.value.code in ("bundle.not_stored", "bundle.unreadable")
    assert files(data_dir.parent) == before


def test_use_says_when_it_cannot_be_noted(release: Path, data_dir: Path) -> None:
    store = BundleStore(data_dir, OPENMV_AE3)
    bundle = store.import_path(release)
    (data_dir / "bundles/used").mkdir()
    with pytest.raises(BundleError) as caught:
        store.use(bundle.name)
    assert caught.value.code == "bundle.not_stored"
    assert not [name for name in files(data_dir) if ".incoming-" in name]


def test_an_import_waits_for_another_and_not_for_ever(release: Path, data_dir: Path) -> None:
    store = BundleStore(data_dir, OPENMV_AE3, lock_timeout_s=0.2)
    store.import_path(release)
    descriptor = os.open(data_dir / "bundles", os.O_RDONLY)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    with pytest.raises(BusyError) as caught:
        store.import_path(release)
    assert (caught.value.code, caught.value.exit_code) == ("station.busy", 6)
    assert len(store.list()) == 1  # reading waits for nobody
    os.close(descriptor)
    store.import_path(release)


@pytest.mark.parametrize("name", ["", "golden"])
def test_two_imports_at_once(make_release: Callable[[int], Path], data_dir: Path, name: str) -> None:
    """Two releases under one name: one gets it. Under their own: both are there."""
    started = [
        subprocess.Popen(
            [sys.executable, "-c", NAMED, str(data_dir), str(make_release(seed)), name],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for seed in (1, 2)
    ]
    for process in started:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in started:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    said = sorted(process.communicate(timeout=120)[0].strip() for process in started)
    bundles = BundleStore(data_dir, OPENMV_AE3).list()
    if name:
        assert said[1] == "bundle.name_taken"
        assert [bundle.sha256 for bundle in bundles] == said[:1]
    else:
        assert sorted(bundle.sha256 for bundle in bundles) == said
    for bundle in bundles:
        BundleStore(data_dir, OPENMV_AE3).verify(bundle)
    assert len(list((data_dir / "bundles/objects").iterdir())) == 4 * len(bundles)
