from __future__ import annotations

from collections.abc import Iterator

import pytest

from station.local_time import use_zone


@pytest.fixture(autouse=True)
def clock_in_utc() -> Iterator[None]:
    """What a report says does not depend on where this machine stands."""
    use_zone("UTC")
    yield
    use_zone("")
