"""Folders as deploy/bundle-offline makes them: this release, and others made of it."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).parents[2]
PARTS = ("station", "migrations", "deploy", "config", "pyproject.toml", "uv.lock", "README.md", "LICENSE")
UV = Path(sys.executable).with_name("uv")


def this_release(folder: Path) -> Path:
    """This checkout's; takes a network, and up to two minutes. AE3_RELEASE: one that was made before."""
    if made := os.environ.get("AE3_RELEASE"):
        return Path(shutil.copytree(made, folder))
    subprocess.run([str(ROOT / "deploy/bundle-offline"), str(folder)], check=True)
    return folder


def another_release(made: Path, folder: Path, version: str, change: Callable[[Path], object]) -> Path:
    """A release of another version, whose sources were changed; its dependencies are those of `made`."""
    sources = folder.with_name(f"{folder.name}-sources")
    sources.mkdir()
    for part in PARTS:
        _copy(ROOT / part, sources / part)
    in_file(sources / "station/__init__.py", r'__version__ = ".*"', f'__version__ = "{version}"')
    change(sources)
    shutil.copytree(made, folder)
    shutil.rmtree(folder / "deploy")
    _copy(sources / "deploy", folder / "deploy")
    _replace_wheel(sources, folder, version)
    return folder


def _copy(what: Path, where: Path) -> None:
    if what.is_dir():
        shutil.copytree(what, where, ignore=shutil.ignore_patterns("__pycache__"))
    else:
        shutil.copy(what, where)


def _replace_wheel(sources: Path, folder: Path, version: str) -> None:
    for old in (folder / "wheels").glob("openmv_ae3_station-*"):
        old.unlink()
    words = [
        "build",
        "--quiet",
        "--wheel",
        "--python",
        sys.executable,
        "--out-dir",
        str(folder / "wheels"),
        str(sources),
    ]
    subprocess.run([str(UV), *words], check=True)
    (folder / "wheels/.gitignore").unlink(missing_ok=True)
    (wheel,) = (folder / "wheels").glob("openmv_ae3_station-*.whl")
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    line = f"openmv-ae3-station=={version} --hash=sha256:{digest}"
    in_file(folder / "requirements.txt", r"(?m)^openmv-ae3-station==.*$", line)


def in_file(file: Path, pattern: str, text: str) -> None:
    """Replace what a pattern finds, once."""
    changed, count = re.subn(pattern, lambda _: text, file.read_text())
    assert count == 1, (file, pattern, count)
    file.write_text(changed)


def newer_schema(sources: Path) -> None:
    """One more migration, which changes nothing."""
    versions = sources / "migrations/versions"
    head = max(file.name[:4] for file in versions.glob("0*.py"))
    text = 'revision = "0999"\ndown_revision = "{}"\n\n\ndef upgrade():\n    pass\n\n\ndef downgrade():\n    pass\n'
    (versions / "0999_later.py").write_text(text.format(head))
    in_file(sources / "station/ledger/schema_version.py", rf'"{head}"\)', f'"{head}", "0999")')


def failing_migration(sources: Path) -> None:
    """One more migration, which fails when it has done half of its work."""
    newer_schema(sources)
    half = (
        "from alembic import op\n\n\ndef upgrade():\n    op.execute('DELETE FROM runs')\n    raise RuntimeError\n\n\n"
    )
    in_file(sources / "migrations/versions/0999_later.py", r"\n\ndef upgrade\(\):\n    pass\n", f"\n\n{half}")


def line_that_does_not_start(sources: Path) -> None:
    """The log is migrated, and then the line ends before it is ready."""
    newer_schema(sources)
    in_file(
        sources / "station/wiring/line.py",
        r"        bench\.check\(\)",
        '        raise RuntimeError("it does not start")',
    )
