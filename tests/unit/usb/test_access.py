from __future__ import annotations

import pickle

import pytest

from station.usb.access import UsbAccess


def test_an_access_reaches_another_process_unchanged() -> None:
    access = UsbAccess("usbip", ("/run/a", "/run/b"))
    assert pickle.loads(pickle.dumps(access)) == access
    assert access.usbip_sockets == ("/run/a/usbip.sock", "/run/b/usbip.sock")
    assert access.control_sockets == ("/run/a/control.sock", "/run/b/control.sock")


@pytest.mark.parametrize(("kind", "directories"), [("libusb", ("/run/a",)), ("usbip", ())])
def test_an_access_without_a_meaning_is_refused(kind: str, directories: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match=kind):
        UsbAccess(kind, directories)  # type: ignore[arg-type]
