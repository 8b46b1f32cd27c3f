"""The station's clock: printed times and the zone's name, on both sides of a change of the clocks."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from station.local_time import from_clock, local, machine_zone, time_text, use_zone, zone_names

CHANGE = datetime(2026, 10, 25, 1, tzinfo=UTC)
"""When Berlin's clocks go from 3 back to 2."""


@pytest.fixture(autouse=True)
def _machine_zone() -> Iterator[None]:
    yield
    use_zone("")


def hours(first: datetime, number: int) -> list[datetime]:
    return [first + timedelta(hours=hour) for hour in range(number)]


def test_the_hours_of_a_change_are_told_apart() -> None:
    use_zone("Europe/Berlin")
    moments = hours(CHANGE - timedelta(hours=2), 4)
    texts = [time_text(moment, "%H:%M") for moment in moments]
    assert texts == ["01:00", "02:00 CEST", "02:00 CET", "03:00"]
    assert zone_names(moments) == "CEST, CET"


def test_a_zone_without_a_name_has_its_offset() -> None:
    use_zone("America/Sao_Paulo")
    assert zone_names([CHANGE]) == "UTC-03"


def test_half_hours_stay() -> None:
    use_zone("Asia/Kolkata")
    assert time_text(CHANGE, "%H:%M") == "06:30"


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata", "UTC"])
def test_every_moment_of_a_year_is_found_again(zone: str) -> None:
    use_zone(zone)
    for moment in hours(datetime(2026, 1, 1, tzinfo=UTC), 8760):
        wall = local(moment).replace(tzinfo=None)
        assert moment in (from_clock(wall), from_clock(wall, last=True))


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("europe/berlin", "Europe/Berlin"),
        ("Berlin", "Europe/Berlin"),
        ("America/NewYork", "America/New_York"),
        ("new york", "America/New_York"),
        ("Europe", None),
        ("../../etc/passwd", None),
        ("CEST2", None),
    ],
)
def test_a_wrong_name_is_refused_with_the_nearest(name: str, meant: str | None) -> None:
    with pytest.raises(ValueError, match="no such time zone") as caught:
        use_zone(name)
    assert meant is None or f" {meant}" in str(caught.value).replace("?", "").replace(",", "")


def test_a_machine_without_zones_has_those_of_the_package() -> None:
    words = (
        "import zoneinfo; zoneinfo.reset_tzpath(to=[]);"
        "from station.local_time import use_zone, zone_names; use_zone('Europe/Berlin');"
        "from datetime import datetime, UTC; print(zone_names([datetime(2026, 7, 1, tzinfo=UTC)]))"
    )
    done = subprocess.run([sys.executable, "-c", words], capture_output=True, text=True, timeout=120, check=True)
    assert done.stdout == "CEST\n"


def test_the_machines_zone_by_its_name(tmp_path: Path) -> None:
    assert machine_zone(tmp_path) is None
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/localtime").symlink_to("../usr/share/zoneinfo/America/Argentina/Salta")
    assert machine_zone(tmp_path) == "America/Argentina/Salta"
    (tmp_path / "etc/localtime").unlink()
    (tmp_path / "etc/localtime").write_bytes(b"TZif")
    assert machine_zone(tmp_path) is None
