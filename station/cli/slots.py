"""`station slots`: the slots and what is in them now; `learn` names them, `restore` takes one in again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer

from station.cli import restore as restoring
from station.cli import slots_learn
from station.cli.options import ConfigOption, DataDirOption, JsonOption, new_app, settings_for
from station.cli.output import print_json, print_table, say
from station.cli.run import SimOption
from station.model.devices import Device, DeviceMode

if TYPE_CHECKING:
    from station.model.slots import SlotMap

app = new_app("The slots and what is in them now.")
app.command("learn", epilog="Example: station slots learn --config config/station.toml")(slots_learn.learn)
app.command("restore", epilog=restoring.EXAMPLE)(restoring.restore)

_EMPTY = "empty"
NOT_A_SLOT = "(not a slot)"
_WORDS = {DeviceMode.DFU: "bootloader", DeviceMode.APPLICATION: "application"}


@app.callback(invoke_without_command=True, epilog="Example: station slots")
def slots(
    context: typer.Context,
    sim: SimOption = None,
    config: ConfigOption = None,
    data_dir: DataDirOption = None,
    as_json: JsonOption = False,
) -> None:
    """The slots and what is in them now. Nothing is opened: a camera in its bootloader goes on to its application."""
    if context.invoked_subcommand is not None:
        return
    settings = settings_for(config, data_dir)
    from station.board.chosen import BOARD
    from station.usb.access import UsbAccess
    from station.usb.controllers import controllers, find_slots
    from station.usb.watcher import list_devices

    access = UsbAccess("usbip", tuple(map(str, sim))) if sim else UsbAccess()
    cameras = [device for device in list_devices(access, BOARD.ids) if device.mode is not DeviceMode.OTHER]
    found = find_slots(settings.slots, settings.controllers, {} if sim else controllers())
    for absent in found.absent:
        say(absent)
    rows = table(found.names, cameras)
    if as_json:
        print_json(rows)
        return
    if not rows:
        say("no camera is plugged in; with no [slots] in the configuration every port is a slot")
        return
    headings = ("slot", "port path", "what is there", "serial")
    print_table(headings, [(r["slot"] or NOT_A_SLOT, r["port_path"], r["state"], r["serial"]) for r in rows])


def table(slot_map: SlotMap, devices: list[Device]) -> list[dict[str, Any]]:
    """One row a slot of the allow-list, filled or empty, and one for each camera besides."""
    from station.model.slots import slot_order

    there = {device.port_path: device for device in devices}
    ports = dict.fromkeys([*(port_path for port_path, _ in slot_map.names), *there])
    rows = [_row(slot_map, port_path, there.get(port_path)) for port_path in ports]
    return sorted(rows, key=lambda row: (row["slot"] is None, slot_order(row["slot"] or row["port_path"])))


def _row(slot_map: SlotMap, port_path: str, device: Device | None) -> dict[str, Any]:
    slot = slot_map.slot_at(port_path)
    return {
        "slot": slot.name if slot else None,
        "port_path": port_path,
        "state": _WORDS[device.mode] if device else _EMPTY,
        "serial": device.serial if device else "",
    }
