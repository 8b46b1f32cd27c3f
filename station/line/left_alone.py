"""What is said of cameras that get no run, and that it is said once an insertion."""

from __future__ import annotations

from dataclasses import replace

from station.line.slot import Phase, Slot
from station.line.slot_events import Effect, GiveNotice
from station.model.devices import Device
from station.model.slots import SlotState
from station.problem import sentence

Stepped = tuple[Slot, tuple[Effect, ...]]

NOT_A_SLOT = sentence("this port is not a slot: the camera is left alone")
NOT_ACCEPTING = sentence("the line takes no new cameras now")
APPLICATION = sentence("it runs its application: replug it to flash it, or run it again (key r)")
NOT_HELD = sentence("it left its bootloader before it could be held: replug it")
COMES_AND_GOES = sentence("it comes and goes by itself: unplug it, and set it aside if it goes on")
OUT = sentence("this slot is taken out: the camera in it is left alone")


def left_alone(slot: Slot, state: SlotState, code: str, message: str) -> Stepped:
    """What is there is none of this line's business; it is said once."""
    return noticed(slot.enters(Phase.FOREIGN, state, None, message), code, message)


def noticed(slot: Slot, code: str, message: str) -> Stepped:
    """Say it once an insertion: not again while the same device comes and goes. One that was not held is known to run
    its application then."""
    if slot.noticed == code or (slot.noticed == "notice.not_held" and code == "notice.application"):
        return slot, ()
    return replace(slot, noticed=code), (GiveNotice(code, message),)


def other_board(device: Device) -> str:
    """The sentence about a device that is no AE3."""
    usb_id = f"{device.vendor_id:04X}:{device.product_id:04X}"
    return sentence("an OpenMV board that is no AE3 ({usb_id}) is here: it is left alone", usb_id=usb_id)
