"""From a device that is announced to a run that waits for its worker: held at once, or left alone, or refused.

A camera that comes back in the middle of its run is told to the run's worker.
"""

from __future__ import annotations

from dataclasses import replace

from station.clock import monotonic_s
from station.errors import StationError, UsbAccessError
from station.flash.messages import CameraHeld, CameraNotHeld, CancelRun, PortChanged
from station.line.interlock import Check, Skip, interlock
from station.line.notices import Notices
from station.line.pool import Pool
from station.line.port import Port
from station.line.runs import Runs
from station.line.stopping import Stopping
from station.model.devices import Device, DeviceArrived, DeviceEvent, DeviceLeft, DeviceMode
from station.model.runs import Outcome
from station.model.serials import is_identity
from station.model.slots import SlotState

NOT_A_SLOT = "this port is not a slot: the camera is left alone"
TAKEN_OUT = "this slot is taken out: the camera in it is left alone"
RUNS_APPLICATION = "it runs its application: replug it to flash it"
NOT_HELD = "it left its bootloader before it could be held: replug it"
NO_HEADER_NOTE = "block 1 of BOOT holds no bootloader header, though bcdDevice says that there is one"
"""No refusal: names and sizes of the partitions prove what the device is, and a newer bootloader may keep its header
elsewhere, or none. What is written is read back all the same."""
HOLD_FIRST_S = 1.5
"""For how long a hold under way keeps workers from starting. One that takes longer is a broken camera, no busy line."""


class Arrivals:
    """What comes and goes at the ports, and the holds under way. For the dispatcher's thread alone."""

    def __init__(self, ports: dict[str, Port], pool: Pool, runs: Runs, stopping: Stopping, notices: Notices) -> None:
        self._ports = ports
        self._pool = pool
        self._runs = runs
        self._stopping = stopping
        self._notices = notices
        self._unread: list[CameraHeld | CameraNotHeld] = []

    @property
    def wait_for_log(self) -> bool:
        """Whether cameras were held, or not, before the log could be asked of them."""
        return bool(self._unread)

    def forget(self) -> None:
        """Nothing that has no run yet gets one any more."""
        self._unread.clear()
        for port in self._ports.values():
            if port.run is None:
                port.hold_since_s = None

    def device_event(self, event: DeviceEvent) -> None:
        """A device arrived or left."""
        if isinstance(event, DeviceLeft):
            port = self._ports.get(event.port_path)
            if port and port.device:
                self._left(port)
        elif isinstance(event, DeviceArrived):
            self._arrived(event.device)

    def _arrived(self, device: Device) -> None:
        port = self._ports.get(device.port_path)
        if port is None:
            port = Port(device.port_path, self._runs.setup.slots.slot_at(device.port_path))
            self._ports[device.port_path] = port
        known = port.device
        if known and (known.bus, known.address, known.product_id) == (device.bus, device.address, device.product_id):
            return
        if known:
            self._left(port)
        port.device, port.known_serial = device, ""
        in_dfu = device.mode is DeviceMode.DFU
        self._notices.arrived(port, another=in_dfu and device.serial != port.bootloader_serial)
        if in_dfu:
            port.bootloader_serial = device.serial
        if port.slot is None:
            self._leave_alone(port, SlotState.NOT_A_SLOT, "notice.not_a_slot", NOT_A_SLOT)
        elif port.run is not None:
            self._came_back(port, device)
        else:
            self._came_new(port, device)

    def _leave_alone(self, port: Port, state: SlotState, code: str, text: str) -> None:
        port.show(state, message=text)
        self._notices.tell(port, code, text)

    def look_again(self, port: Port) -> None:
        """A slot takes cameras again: the one that is in it comes as if it had just been plugged in."""
        if port.device is not None and port.run is None:
            self._came_new(port, port.device)

    def _came_new(self, port: Port, device: Device) -> None:
        if port.taken_out:
            self._leave_alone(port, SlotState.TAKEN_OUT, "notice.slot_taken_out", TAKEN_OUT)
        elif device.mode is DeviceMode.DFU:
            self.inserted(port, device)
        elif device.mode is DeviceMode.APPLICATION:
            self._booted(port, device)
        else:
            which = f"{device.vendor_id:04X}:{device.product_id:04X}"
            text = f"an OpenMV board that is no AE3 ({which}) is in this slot: it is left alone"
            self._leave_alone(port, SlotState.NOT_A_SLOT, "notice.other_board", text)

    def _left(self, port: Port) -> None:
        port.device, port.left_at_s, port.hold_since_s, port.newcomer = None, monotonic_s(), None, False
        if port.run is None:
            port.show_nothing()
        elif port.worker is not None:
            port.worker.send(PortChanged(None))
        else:
            self._runs.close_unrun(
                port, Outcome.ABORTED, "operator.unplugged", "the camera was unplugged before its run"
            )

    def _came_back(self, port: Port, device: Device) -> None:
        if port.worker is None:
            return
        if port.runs_another_than(device):
            # A hand was quicker than the return window. The run is not this camera's, and must not end as if it were.
            port.newcomer = True
            text = "the camera was unplugged during the run, and another one plugged in"
            port.worker.send(CancelRun(Outcome.ABORTED, "operator.unplugged", text))
            return
        port.worker.send(PortChanged(device))
        if device.mode is DeviceMode.DFU and (twins := self._twins(port, device)):
            self._doubled([port, *twins], device.serial)
            if self._refuses_unidentified:
                return
        if device.mode is DeviceMode.DFU and port.hold_wanted:
            self._hold(port, device)

    def take_newcomer(self, port: Port) -> None:
        """The run that was in the way of another camera has ended: now it is that camera's turn."""
        if port.newcomer and port.run is None and port.device is not None:
            port.newcomer = False
            self._came_new(port, port.device)

    def _end_where_it_was(self, device: Device) -> None:
        """A camera was pulled out while it started, and is in another slot: its application will not come back."""
        for port in self._ports.values():
            if is_identity(device.serial) and port.waits_for(device) and port.worker is not None:
                text = "the camera was unplugged before its application came, and is in another slot"
                port.worker.send(CancelRun(Outcome.ABORTED, "operator.unplugged", text))

    def _booted(self, port: Port, device: Device) -> None:
        if port.is_application_of_last():
            port.application_serial = device.serial
            port.show_last()
            # Known by its port, so by its bootloader's serial: a run elsewhere with that serial is another camera's.
            if twins := [other for other in self._ports.values() if other is not port and other.runs(port.last_serial)]:
                self._doubled([port, *twins], port.last_serial)
            return
        port.last = None
        self._connect(port)
        port.show(SlotState.APPLICATION, message=RUNS_APPLICATION)
        if not self._notices.told(port, "notice.not_held"):
            self._notices.tell(port, "notice.application", RUNS_APPLICATION)

    def _connect(self, port: Port) -> None:
        """Find the unit of a camera that runs its application, by the record of an earlier run on any port."""
        if self._runs.log is None or port.device is None or not is_identity(port.device.serial):
            return
        try:
            port.known_serial = self._runs.log.unit_of_application(port.device.serial) or ""
        except StationError as error:
            self._stopping.stop_because(error)

    def inserted(self, port: Port, device: Device) -> None:
        """A camera in DFU mode that has no run yet: skip it, leave it alone, or hold it."""
        if not self._runs.setup.accepts(device) or not self._stopping.accepting:
            port.show(SlotState.WAITING, message="the line takes no new cameras now")
            return
        if port.came_back_by_itself(self._runs.setup.options.return_window_s):
            port.show_last()
            return
        port.history_due = self._runs.log is None
        port.check_first = False
        if skip := self._interlock(port, device):
            self._runs.skip(port, device, skip)
        else:
            port.show(SlotState.HOLDING)
            self._hold(port, device)

    def _interlock(self, port: Port, device: Device) -> Skip | None:
        """Why the unit is not to be run; None as well where no log can be asked yet or the serial names no unit.

        One that passed by the log, and is to be looked into for that, is noted at its port.
        """
        if self._runs.log is None or not is_identity(device.serial) or self._twins(port, device):
            return None
        try:
            history = self._runs.log.history(device.serial, self._runs.setup.batch)
        except StationError as error:
            self._stopping.stop_because(error)
            return Skip(error.code, str(error))
        setup = self._runs.setup
        found = interlock(history, setup.options, setup.bundle_sha256, setup.recipe.name)
        if isinstance(found, Check):
            port.check_first = True
            return None
        return found

    def _twins(self, port: Port, device: Device) -> list[Port]:
        """Other ports whose device has the same serial now: then the serial names no unit."""
        if not is_identity(device.serial):
            return []
        return [other for other in self._ports.values() if other is not port and other.has_unit_of(device)]

    # --- holding ----------------------------------------------------------------------------------------------------

    def _hold(self, port: Port, device: Device) -> None:
        port.hold_since_s = monotonic_s()
        self._pool.hold(device)

    @property
    def holding(self) -> bool:
        """Whether any hold is under way."""
        return any(port.hold_since_s is not None for port in self._ports.values())

    def read_holder(self) -> None:
        """Take what the holder tells, or its death."""
        assert self._pool.holder is not None
        try:
            answer = self._pool.holder.connection.recv()
        except (EOFError, OSError):
            self._holder_died()
            return
        port = self._ports.get(answer.device.port_path)
        if port is None or port.device != answer.device or port.hold_since_s is None:
            return
        port.hold_since_s = None
        self._holder_answered(port, answer)

    def _holder_answered(self, port: Port, answer: CameraHeld | CameraNotHeld) -> None:
        """A hold has ended. Before the log is open nothing more may happen: a held camera can wait for as long.

        One that may not be opened cannot, and is gone by then. But no other one of this bus may be opened either.
        """
        if isinstance(answer, CameraNotHeld) and answer.code == "usb.access_denied":
            self._stopping.stop_because(UsbAccessError(answer.code, answer.message))
        if self._runs.log is None:
            self._unread.append(answer)
            return
        # Asked once an insertion: a camera that is held again comes back in the middle of its own run.
        due, port.history_due = port.history_due, False
        if due and (skip := self._interlock(port, answer.device)):
            self._runs.skip(port, answer.device, skip)
        elif isinstance(answer, CameraHeld):
            self._held(port, answer)
        else:
            self._not_held(port, answer)

    def log_opened(self) -> None:
        """The log can be asked: what the holder answered before that is taken now."""
        for port in self._ports.values():
            if port.state is SlotState.APPLICATION:
                self._connect(port)
        unread, self._unread = self._unread, []
        for answer in unread:
            port = self._ports[answer.device.port_path]
            if port.device == answer.device and port.run is None:
                self._holder_answered(port, answer)

    def _holder_died(self) -> None:
        """Whatever it was holding is asked for again; cameras that it held already stay held."""
        self._pool.replace_holder()
        for port in self._ports.values():
            if port.hold_since_s is not None and port.device is not None:
                self._hold(port, port.device)

    def _held(self, port: Port, answer: CameraHeld) -> None:
        port.bootloader = answer.bootloader
        port.hold_notes = (NO_HEADER_NOTE,) if answer.bad_boot_header else ()
        if port.run is not None:
            if port.worker is not None:
                port.worker.send(PortChanged(answer.device, held=True, bootloader=answer.bootloader))
            return
        self._end_where_it_was(answer.device)
        twins = self._twins(port, answer.device)
        self._runs.open(port, answer.device, identified=is_identity(answer.device.serial) and not twins)
        if twins:
            self._doubled([port, *twins], answer.device.serial)
        refuses = self._runs.setup.options.unidentified == "refuse"
        if twins and refuses:
            return
        if refuses and not is_identity(answer.device.serial):
            text = f"the serial {answer.device.serial!r} names no single unit"
            self._runs.close_unrun(port, Outcome.ERROR, "identity.default_serial", text)
        else:
            self._runs.waiting.append(port)

    @property
    def _refuses_unidentified(self) -> bool:
        return self._runs.setup.options.unidentified == "refuse"

    def _not_held(self, port: Port, answer: CameraNotHeld) -> None:
        if port.run is not None:
            return
        if answer.gone:
            port.show(SlotState.EMPTY, "usb.not_held", NOT_HELD)
            self._notices.tell(port, "notice.not_held", NOT_HELD)
            return
        self._runs.open(port, answer.device, identified=is_identity(answer.device.serial))
        self._runs.close_unrun(port, answer.outcome, answer.code, answer.message)

    @property
    def come_first(self) -> bool:
        """Whether a hold is under way that must not be made slower."""
        since_s = monotonic_s() - HOLD_FIRST_S
        return any(port.hold_since_s is not None and port.hold_since_s > since_s for port in self._ports.values())

    def _doubled(self, ports: list[Port], serial: str) -> None:
        """Two cameras with one serial: neither result could be told from the other's by it.

        So neither is green, or both are run by their ports and in no yield, as `unidentified` says.
        """
        places = " and ".join(sorted(port.name for port in ports))
        text = f"the serial {serial} is plugged in more than once: {places}"
        for port in ports:
            if port.run is None:
                continue
            port.run = replace(port.run, identified=False)
            if not self._refuses_unidentified:
                continue
            if port.worker is not None:
                port.worker.send(CancelRun(Outcome.ERROR, "identity.duplicate_serial", text))
            else:
                self._runs.close_unrun(port, Outcome.ERROR, "identity.duplicate_serial", text)
