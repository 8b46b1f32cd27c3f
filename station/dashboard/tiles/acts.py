"""What a hand does now with the camera of a slot, in a word or two that can be drawn large."""

from __future__ import annotations

from station.dashboard.language import mark
from station.model.slots import SlotState, SlotView

TAKE_OUT = mark("TAKE OUT")
REPLUG = mark("REPLUG")
SET_ASIDE = mark("SET ASIDE")
RERUN = mark("RE-RUN")
ASK = mark("ENGINEER")
SCAN = mark("SCAN")

_BY_CODE = {
    "unit.already_passed": TAKE_OUT,
    "unit.set_aside": SET_ASIDE,
    "identity.default_serial": SET_ASIDE,
    "mram.wrapped": SET_ASIDE,
    "verify.mismatch": RERUN,
    "ledger.write_failed": ASK,
    "test.unsupported": ASK,
    "dfu.err_address": ASK,
    "dfu.err_target": ASK,
    "dfu.err_stalledpkt": REPLUG,
    "dfu.protocol": REPLUG,
    "usb.hub_lost": ASK,
    "usb.no_power": ASK,
    "usb.no_bandwidth": ASK,
    "usb.not_authorized": ASK,
    "usb.access_denied": ASK,
    "usb.no_libusb": ASK,
    "usb.no_udev": ASK,
    "usb.no_sim": ASK,
}
_BY_KIND = {"dfu": RERUN, "identity": ASK}
_ENDED = frozenset({SlotState.FAILED, SlotState.ERROR, SlotState.ABORTED, SlotState.SKIPPED})


def act_for_code(code: str) -> str:
    """For a camera whose run ended with this code; most are plugged in again, which runs them once more."""
    return _BY_CODE.get(code) or _BY_KIND.get(code.partition(".")[0], REPLUG)


def act_for(view: SlotView) -> str:
    """For the camera in a slot; "" where nothing is to be done, or nothing that a word says."""
    if view.state is SlotState.PASSED:
        return TAKE_OUT
    if view.state is SlotState.WAITING and view.code == "product.unbound":
        return SCAN
    return act_for_code(view.code) if view.state in _ENDED and view.code else ""
