from __future__ import annotations

import os
import pickle
from pathlib import Path

import pytest

from station.sim.spec import CameraSpec
from station.sim.virtual_line import VirtualLine
from station.usb.access import UsbAccess, tty_of
from tests.releases import make_demo_release


def test_an_access_reaches_another_process_unchanged() -> None:
    access = UsbAccess("usbip", ("/run/a", "/run/b"))
    assert pickle.loads(pickle.dumps(access)) == access
    assert access.usbip_sockets == ("/run/a/usbip.sock", "/run/b/usbip.sock")
    assert access.control_sockets == ("/run/a/control.sock", "/run/b/control.sock")


@pytest.mark.parametrize(("kind", "directories"), [("libusb", ("/run/a",)), ("usbip", ())])
def test_an_access_without_a_meaning_is_refused(kind: str, directories: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match=kind):
        UsbAccess(kind, directories)  # type: ignore[arg-type]


def test_the_terminal_of_a_virtual_camera_is_found_by_its_port_on_whichever_process_serves_it(tmp_path: Path) -> None:
    make_demo_release(tmp_path, hp_bytes=4096, he_bytes=4096, romfs0_bytes=4096, romfs1_bytes=4096)
    specs = [CameraSpec(serial=f"{n:024X}", port_path=f"1-1.{n}", release=str(tmp_path), boot_s=0.01) for n in (1, 2)]
    with VirtualLine([spec.with_(plugged=False) for spec in specs], shards=2) as line:
        access = UsbAccess("usbip", tuple(line.addresses))
        assert tty_of(access, "1-1.1") is None
        line.plug_all()
        found = [line.wait_until(path, lambda state: state["tty"] is not None)["tty"] for path in ("1-1.1", "1-1.2")]
        assert [tty_of(access, "1-1.1"), tty_of(access, "1-1.2")] == found
        assert all(map(os.path.exists, found))
        line.unplug("1-1.2")
        assert tty_of(access, "1-1.2") is None
        assert tty_of(access, "1-1.9") is None
