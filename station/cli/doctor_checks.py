"""What `station doctor` looks at. Every check only looks; none changes anything."""

from __future__ import annotations

import ctypes
import os
import re
import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from station.board.chosen import BOARD
from station.cli.central_checks import central_findings
from station.cli.finding import Finding, text_of, wrong
from station.cli.role_checks import role_finding
from station.cli.upkeep_checks import upkeep_findings
from station.cli.usb_tree_checks import usb_findings
from station.errors import BundleError, LedgerError, SettingsError, UsageError, UsbAccessError
from station.file_problems import refused_file

if TYPE_CHECKING:
    from station.settings import Settings

RULE_FOLDERS = ("etc/udev/rules.d", "run/udev/rules.d", "usr/lib/udev/rules.d", "lib/udev/rules.d")
"""In udev's order: of two files with one name the first counts."""
RULE_NAME = "70-openmv-ae3.rules"
_PACKAGE = Path(__file__).parents[1]
RULE_FILE = next(
    (file for file in (_PACKAGE / "_udev" / RULE_NAME, _PACKAGE.parent / "deploy/udev" / RULE_NAME) if file.is_file()),
    Path(RULE_NAME),
)
"""In an installed station inside the package, in a checkout where it is edited."""
INSTALL_RULE = (
    f"sudo install -m 0644 {RULE_FILE} /etc/udev/rules.d/"
    " && sudo udevadm control --reload && sudo udevadm trigger --subsystem-match=usb"
)
MEDDLERS = {
    "ModemManager": "asks serial ports whether they are modems",
    "udisksd": "probes and mounts disks",
    "gvfs-udisks2-vo": "mounts disks",
    "udiskie": "mounts disks",
    "devmon": "mounts disks",
}
"""Programs by the name that the kernel has for their processes (15 characters at most), with what they do to a camera
that no rule keeps them off."""
USBMOUNT = "etc/usbmount/usbmount.conf"
JOIN_GROUP = "sudo usermod -a -G plugdev $USER, then log in again"
LEAST_FREE_BYTES = 256 << 20
"""A release is about 16 MiB and a run a few KiB in the log: with less than this a shift may end on a full disk."""


def examine(config: Path | None, data_dir: Path | None, root: Path = Path("/")) -> list[Finding]:
    """Look at everything. `root` is where etc, run, sys and dev are."""
    from station.settings import load_settings

    try:
        settings = load_settings(config, data_dir=data_dir)
    except SettingsError as error:
        return [wrong("configuration", error), *_machine(root), *usb_findings(root, _vendor_id(), (), INSTALL_RULE)]
    loads = Finding("configuration", True, f"loads; the data folder is {settings.data_dir}")
    folder = settings.data_dir
    return [
        loads,
        *_machine(root),
        *_slots(settings, root),
        _log(folder),
        *_files_of_others(folder),
        *_unreadable_results(folder),
        *_write_ahead_log(folder),
        _disk(folder),
        _bundle(settings),
        *usb_findings(root, _vendor_id(), _port_paths(settings, root), INSTALL_RULE),
        *upkeep_findings(settings, root),
        *central_findings(settings),
        role_finding(settings),
    ]


def _machine(root: Path) -> list[Finding]:
    rule = _udev_rule(root)
    return [_libusb(), _udev(root), rule, *_meddlers(root, kept_off=rule.ok), *_cameras(root)]


def _libusb() -> Finding:
    from station.usb.libusb import libusb

    try:
        library = libusb().backend.lib
    except UsbAccessError as error:
        return wrong("libusb", error)
    # libusb_version: four 16-bit numbers (major, minor, micro, nano) before its strings.
    library.libusb_get_version.restype = ctypes.POINTER(ctypes.c_uint16 * 4)
    version = ".".join(map(str, library.libusb_get_version().contents))
    return Finding("libusb", True, f"{version} from {library._name}")


def _udev(root: Path) -> Finding:
    if (root / "run/udev/control").exists():
        return Finding("udev", True, "runs, and can announce cameras")
    fix = "sudo systemctl start systemd-udevd (a container has no udev: run the station on the machine itself)"
    return Finding("udev", False, "does not run here, so no camera is ever announced", fix, UsbAccessError.exit_code)


def _udev_rule(root: Path) -> Finding:
    """Whether the rule that is in force is this release's, byte by byte."""
    installed = next((file for folder in RULE_FOLDERS if (file := root / folder / RULE_NAME).is_file()), None)
    if installed is None:
        found = f"not installed, so only root can open cameras, and other programs may disturb them{_strangers(root)}"
    elif text_of(installed) == text_of(RULE_FILE):
        return Finding("udev rule", True, f"installed as {installed}, version {_version_of(installed)}")
    else:
        found = f"{installed} is not this station's: version {_version_of(installed)}, here is {_version_of(RULE_FILE)}"
        if _version_of(installed) == _version_of(RULE_FILE):
            found = f"{installed} was changed: it differs from version {_version_of(RULE_FILE)} of this station"
    return Finding("udev rule", False, found, INSTALL_RULE, UsbAccessError.exit_code)


def _version_of(rule: Path) -> str:
    match = re.search(r"^# version (\d+)", text_of(rule), re.MULTILINE)
    return match[1] if match else "1"


def _vendor_id() -> str:
    """As sysfs and udev's rules write it."""
    return f"{BOARD.ids.vendor_id:04x}"


def _strangers(root: Path) -> str:
    """Other rules that name the cameras: an IDE's, or an old copy under another name."""
    files = [file for folder in RULE_FOLDERS for file in sorted((root / folder).glob("*.rules"))]
    names = [str(file) for file in files if _vendor_id() in text_of(file).lower()]
    return f" ({', '.join(names)} is not this station's)" if names else ""


def _meddlers(root: Path, *, kept_off: bool) -> Iterator[Finding]:
    """Programs that run here and would disturb cameras, where no rule keeps them off."""
    if kept_off:
        return
    running = {text_of(file).strip() for file in (root / "proc").glob("[0-9]*/comm")}
    found = [f"{name} runs and {does}" for name, does in MEDDLERS.items() if name in running]
    if (root / USBMOUNT).is_file():
        found.append("usbmount is installed and mounts disks")
    if found:
        said = f"{'; '.join(found)}: without the udev rule that disturbs cameras"
        yield Finding("other programs", False, said, INSTALL_RULE, UsbAccessError.exit_code)


def _cameras(root: Path) -> Iterator[Finding]:
    """Every camera that is plugged in: may this user open its node?"""
    nodes = list(_camera_nodes(root))
    if not nodes:
        yield Finding("cameras", True, "none is plugged in")
    for port_path, node in nodes:
        name = f"camera at {port_path}"
        if os.access(node, os.R_OK | os.W_OK):
            yield Finding(name, True, f"{node} may be opened")
        else:
            fix = f"{INSTALL_RULE}; {JOIN_GROUP}"
            yield Finding(name, False, f"{node} may not be opened by this user", fix, UsbAccessError.exit_code)


def _camera_nodes(root: Path) -> Iterator[tuple[str, Path]]:
    """Port path and device node of each camera, as sysfs tells them: nothing is opened."""
    for vendor in sorted((root / "sys/bus/usb/devices").glob("*/idVendor")):
        device = vendor.parent
        if text_of(vendor).strip().lower() != _vendor_id():
            continue
        numbers = [text_of(device / name).strip() for name in ("busnum", "devnum")]
        if all(number.isdigit() for number in numbers):
            bus, address = map(int, numbers)
            yield device.name, root / f"dev/bus/usb/{bus:03d}/{address:03d}"


def _slots(settings: Settings, root: Path) -> Iterator[Finding]:
    """Whether every slot's USB controller is in this machine, whatever the kernel calls its bus today."""
    from station.usb.controllers import controllers, find_slots

    if not settings.slots:
        return
    found = find_slots(settings.slots, settings.controllers, controllers(root))
    if found.absent:
        fix = "station slots learn (or plug the controller in again and restart)"
        yield Finding("slots", False, "; ".join(found.absent), fix, UsageError.exit_code)
        return
    moved = f"; {len(found.moved)} have another bus number than when they were learned" if found.moved else ""
    yield Finding("slots", True, f"{len(settings.slots)} are named{moved}")


def _port_paths(settings: Settings, root: Path) -> list[str]:
    """Where the slots are today."""
    from station.usb.controllers import controllers, find_slots

    return [path for path, _ in find_slots(settings.slots, settings.controllers, controllers(root)).names.names]


def _log(data_dir: Path) -> Finding:
    from station.ledger import schema_version

    try:
        if schema_version.state(data_dir) is not schema_version.SchemaState.MISSING:
            schema_version.create_or_check(data_dir, checked_bytes=None)
            return Finding("log", True, f"can be written, schema {schema_version.HEAD}")
    except LedgerError as error:
        return wrong("log", error)
    folder = _existing(data_dir)
    if os.access(folder, os.W_OK | os.X_OK):
        return Finding("log", True, "not there yet; the first run makes it")
    return wrong("log", LedgerError("ledger.not_writable", f"{folder} may not be written by this user"))


def _files_of_others(data_dir: Path) -> Iterator[Finding]:
    """What a station that was once started by another user, mostly with sudo, has left in the data folder."""
    names = ("station.lock", "audit.lock", "journal", "bundles", "backups")
    refused = refused_file([*(data_dir / name for name in names), *data_dir.glob("journal/*.jsonl")])
    if refused is not None:
        fix = f'sudo chown -R "$(id -un):$(id -gn)" {shlex.quote(str(data_dir))}'
        found = f"{refused} may not be written by this user"
        yield Finding("data folder", False, found, fix, LedgerError.exit_code)


def _unreadable_results(data_dir: Path) -> Iterator[Finding]:
    from station.ledger.journal import FOLDER, UNUSABLE

    if kept := sorted((data_dir / FOLDER).glob(f"*{UNUSABLE}")):
        found = f"lines that may be results could not be read: {', '.join(map(str, kept))}"
        fix = "Give the file to the engineer: a line is one camera's result. Then move it out of that folder."
        yield Finding("journal", False, found, fix, LedgerError.exit_code)


def _write_ahead_log(data_dir: Path) -> Iterator[Finding]:
    from station.ledger.database import log_file
    from station.ledger.wal_size import is_large, readers_of, wal_bytes

    log = log_file(data_dir)
    if is_large(log):
        found = f"{log.name}-wal has {wal_bytes(log) >> 20} MiB and grows: a program reads the log and does not end"
        fix = f"End the program that has it open: {readers_of(log)}."
        yield Finding("write-ahead log", False, found, fix, LedgerError.exit_code)


def _disk(data_dir: Path) -> Finding:
    folder = _existing(data_dir)
    free_bytes = shutil.disk_usage(folder).free
    found = f"{free_bytes >> 20} MiB free for {data_dir}"
    if free_bytes >= LEAST_FREE_BYTES:
        return Finding("disk", True, found)
    fix = f"Free at least {LEAST_FREE_BYTES >> 20} MiB, or move the data folder (data_dir) to another disk."
    return Finding("disk", False, found, fix, LedgerError.exit_code)


def _existing(folder: Path) -> Path:
    """The folder, or the nearest one above it that is there."""
    return next(path for path in (folder, *folder.parents) if path.is_dir())


def _bundle(settings: Settings) -> Finding:
    from station.wiring.bundle_choice import bundles_of

    store = bundles_of(settings)
    try:
        name = settings.run.bundle or store.used()
        if name is None:
            raise UsageError("usage.no_bundle", "none is in use")
        bundle = store.get(name)
        store.verify(bundle)
    except (BundleError, UsageError) as error:
        return wrong("bundle", error)
    return Finding("bundle", True, f"{bundle.name} is intact, {bundle.version}")
