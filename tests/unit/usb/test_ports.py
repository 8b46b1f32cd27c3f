from __future__ import annotations

import pytest

from station.usb.ports import PortPath, parse_port_path, port_path


@pytest.mark.parametrize(
    ("text", "parsed"),
    [("1-1", PortPath(1, (1,))), ("1-1.4.2", PortPath(1, (1, 4, 2))), ("12-10.3", PortPath(12, (10, 3)))],
)
def test_a_port_path_is_read_and_written_back(text: str, parsed: PortPath) -> None:
    assert parse_port_path(text) == parsed
    assert str(parsed) == text
    assert port_path(parsed.bus, parsed.ports) == text


@pytest.mark.parametrize(
    "text", ["", "usb1", "1-1:1.0", "1-0", "1-", "1-1.", "a-1", "1-1.4 ", "1-01", "1-1\n", "1.1-1"]
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a USB port path"):
        parse_port_path(text)
