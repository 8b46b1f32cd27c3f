"""Every failure that the station can name, with a stable code and a hint for the person at the bench.

The tree::

    StationError                      one line for the operator, a stable code, an outcome, an exit code
    ├── UsageError                    2   the command or the configuration is wrong
    │   └── SettingsError             2   a key, type or value in the configuration
    ├── BundleError                   3   a firmware release that must not reach a camera
    ├── LedgerError                   4   the log cannot be written, or its schema is out of date
    ├── UsbAccessError                5   no permission for USB, or no libusb
    ├── BusyError                     6   another station holds the data folder or the bus
    └── CameraError                   1   one camera's run, never the station: carries the outcome of that run
        ├── UsbError                      the link: gone, I/O error, time limit
        │   ├── UsbBusyError              another program has the camera: nothing is said about the camera itself
        │   └── UsbHostError              this machine has no power, bandwidth or room for it: nor here
        ├── DfuError                      the bootloader refused
        ├── IdentityError                 not a camera that may be written
        ├── VerifyError                   the bytes read back are not the bytes sent
        ├── MramError                     the MRAM initialization failed
        ├── BootError                     the application did not come back
        └── ApplicationError              the application did not answer as a good camera's does

Codes are promised: they are stored, counted and searched. `HINTS` has a line for each.
"""

from __future__ import annotations

from typing import ClassVar

from station.problem import Problem, Sentence, as_sentence


class StationError(Exception):
    """The root. `message` is one line that says what happened; `code` is stable; `exit_code` is the process's.

    A message that reaches an operator's screen is a `Sentence` (`station.problem`), so that it can be translated: the
    classes whose messages do take nothing else.
    """

    exit_code: ClassVar[int] = 1

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message

    @property
    def problem(self) -> Problem:
        """What went wrong, as data."""
        return Problem(self.code, as_sentence(self.message))

    @property
    def hint(self) -> str:
        """What to do now, in one line."""
        return HINTS.get(self.code, "")


class UsageError(StationError):
    """A command or its options cannot be carried out as given."""

    exit_code = 2


class SettingsError(UsageError):
    """A wrong key, type or value in the configuration; the message names file, key, what was found and what is allowed."""


class BundleError(StationError):
    """A bundle is refused; nothing of it was kept."""

    exit_code = 3


class LedgerError(StationError):
    """The log cannot be opened, written or read."""

    exit_code = 4


class UsbAccessError(StationError):
    """This process may not open USB devices, or there is no libusb. A line's screen shows it."""

    exit_code = 5

    def __init__(self, code: str, message: Sentence) -> None:
        super().__init__(code, message)


class BusyError(StationError):
    """Another station holds this data folder or this bus."""

    exit_code = 6


class CameraError(StationError):
    """One camera's failure. `outcome` is the run outcome it stands for; `retryable` says whether an attempt more may help."""

    outcome: ClassVar[str] = "FAIL"

    def __init__(self, code: str, message: Sentence, *, retryable: bool = True) -> None:
        super().__init__(code, message)
        self.retryable = retryable


class UsbError(CameraError):
    """The link to one camera failed: `usb.disconnected`, `usb.io`, `usb.timeout`, `usb.stall`, `usb.too_slow`."""


class UsbBusyError(UsbError):
    """Another program on this machine has the camera: the station's trouble, not the camera's."""

    outcome = "ERROR"


class UsbHostError(UsbError):
    """This machine cannot serve the camera: `usb.no_power`, `usb.no_bandwidth`, `usb.not_authorized`,
    `station.no_descriptors`."""

    outcome = "ERROR"


class DfuError(CameraError):
    """The bootloader answered with an error status or in a way that DFU does not allow.

    `alt` and `block` say where; `status` is the bStatus, None where the device named none.
    """

    def __init__(
        self,
        code: str,
        message: Sentence,
        *,
        retryable: bool = True,
        alt: int | None = None,
        block: int | None = None,
        status: int | None = None,
    ) -> None:
        super().__init__(code, message, retryable=retryable)
        self.alt = alt
        self.block = block
        self.status = status


class IdentityError(CameraError):
    """The device is not a camera that may be written; nothing was written to it."""

    def __init__(self, code: str, message: Sentence) -> None:
        super().__init__(code, message, retryable=False)


class VerifyError(CameraError):
    """What was read back differs from what was sent."""


class MramError(CameraError):
    """The MRAM initialization did not end well."""


class BootError(CameraError):
    """The application did not come back on the same port."""


class ApplicationError(CameraError):
    """The application does not answer, refuses, or answers nonsense: `test.*`. Every byte of its firmware may be right."""


HINTS: dict[str, str] = {
    "usb.disconnected": "Try another cable or slot; if it repeats on one slot, change that cable. The camera left the bus by itself.",
    "usb.hub_lost": "The hub or its power failed, not the camera. Check its supply and its cable; cameras that come back run again.",
    "usb.io": "Replug the camera; if it repeats on one slot, change that cable. The USB link broke during a transfer.",
    "usb.timeout": "Unplug the camera, wait two seconds, plug it in again. The camera stopped answering.",
    "usb.too_slow": "Try another cable or slot; if it is as slow there, set it aside. The camera answers, but far too slowly.",
    "usb.stall": "Unplug the camera and plug it in again. The camera refused a request.",
    "usb.busy": "Close the other program that uses the camera (an IDE, dfu-util), then plug the camera in again.",
    "usb.no_power": "The hub has too little power for another camera. Use a hub with a power supply of its own, or fewer cameras on it.",
    "usb.no_bandwidth": "The USB controller cannot serve another camera. Spread the hubs over the machine's ports, or use fewer.",
    "usb.not_authorized": "Allow the camera on this machine (USBGuard, authorized_default), then plug it in again. A policy keeps it from being used.",
    "usb.access_denied": "Install deploy/udev/70-openmv-ae3.rules, then add the user to the group plugdev and log in again.",
    "usb.no_libusb": "Install the package libusb-package in this environment.",
    "usb.no_udev": "Run the station where systemd-udevd runs (a container has none), or try virtual cameras: station demo.",
    "usb.no_sim": "Start the virtual cameras again.",
    "usb.not_held": "Plug the camera in again. The camera left its bootloader before it could be held.",
    "usb.not_entered": "Unplug the camera and plug it in again. It could not be sent into its bootloader.",
    "dfu.err_write": "Re-run the camera once; if it fails again, the memory is bad: set it aside. The camera could not store a block.",
    "dfu.err_address": "Check the bundle. An image does not fit this camera.",
    "dfu.err_target": "Check the bundle. The bundle is not for this camera.",
    "dfu.err_file": "Power-cycle and re-run the camera; if it fails again, set it aside. The camera could not read its memory.",
    "dfu.err_erase": "Re-run the camera once; if it fails again, set it aside. The camera could not erase its memory.",
    "dfu.err_check_erased": "Re-run the camera once; if it fails again, set it aside. The camera could not erase its memory.",
    "dfu.err_prog": "Re-run the camera once; if it fails again, set it aside. The camera could not store a block.",
    "dfu.err_verify": "Re-run the camera once; if it fails again, set it aside. The camera's memory is not what it was sent.",
    "dfu.err_notdone": "Re-run the camera; if it fails again, tell the engineer. The camera got an incomplete image.",
    "dfu.err_firmware": "Re-run the camera; if it fails again, set it aside. The camera's firmware is damaged.",
    "dfu.err_vendor": "Re-run the camera; if it fails again, set it aside. The bootloader reported an error of its own.",
    "dfu.err_usbr": "Re-run the camera; if it repeats on one slot, change that cable. The bus was reset during the run.",
    "dfu.err_por": "Re-run the camera; if it repeats on one slot, change that cable. The camera lost power during the run.",
    "dfu.err_unknown": "Re-run the camera; if it fails again, set it aside. The bootloader reported an error.",
    "dfu.err_stalledpkt": "Unplug the camera and plug it in again. The camera refused a request.",
    "dfu.error": "Re-run the camera; if it fails again, set it aside. The bootloader reported an error.",
    "dfu.protocol": "Unplug the camera and plug it in again. The bootloader answered out of turn.",
    "verify.mismatch": "Re-run the camera; if it fails again, set it aside. The camera's memory is not what was sent.",
    "boot.timeout": "Replug the camera: one that hangs needs a power cycle. If it fails again, set it aside. Every byte is right, but the application did not start.",
    "boot.unstable": "Replug the camera; if it fails again, set it aside. Every byte is right, but the application comes and goes.",
    "identity.duplicate_serial": "Take both to the engineer. Two cameras with one serial are plugged in.",
    "identity.default_serial": "Set the camera aside. The camera has no serial of its own (its secure enclave does not answer).",
    "identity.wrong_partitions": "Give the camera to the engineer: nothing was written. The camera's partition table is another one (an old board).",
    "identity.not_an_ae3": "The device calls itself an AE3 bootloader but does not answer as one. Give it to the engineer.",
    "test.version": "Another firmware runs than the one that was flashed. Re-run the camera; if it repeats, check the bundle.",
    "test.sensor": "The camera does not find its image sensor. Check the sensor's connector, re-run it; else set it aside.",
    "test.picture": "The camera's picture is not as it should be. Check lens and light, test it again; else set it aside.",
    "test.he": "The camera's second core does not answer. Re-run the camera; if it fails again, set it aside.",
    "test.files": "The camera does not read its ROM as it was flashed. Re-run it; if it fails again, set it aside.",
    "test.unstable": "The camera restarts by itself, or did not come back, during its test. Replug it; if it repeats, set it aside.",
    "test.no_answer": "Replug the camera and test it again; with firmware 4.x it cannot be tested. The camera started but does not answer.",
    "test.answer_lost": "Test the camera again; if it repeats, set it aside. The camera stopped answering during the test.",
    "test.refused": "Test the camera again; if it repeats, set it aside. The camera could not do what the test asked.",
    "test.unsupported": "Check the bundle. The camera's firmware does not know what the test asked.",
    "test.busy": "Replug the camera and test it again. The camera stayed busy.",
    "test.protocol": "Replug the camera and test it again; if it repeats, set it aside. The camera's answer made no sense.",
    "test.script_failed": "Test the camera again; if it repeats, set it aside. The test script ended early in the camera.",
    "test.script_timeout": "Replug the camera and test it again; if it repeats, set it aside. The test took the camera too long.",
    "test.no_port": "Replug the camera; if it repeats, set it aside. The camera started without its serial port.",
    "test.port_vanished": "Test the camera again; if it repeats on one slot, change that cable. The camera left the bus during the test.",
    "test.port_io": "Replug the camera; if it repeats on one slot, change that cable. The camera's serial port failed.",
    "test.no_repl": "Unplug the camera, wait two seconds, plug it in again. The camera takes no commands.",
    "mram.init_failed": "Power-cycle and re-run the camera; if it fails again, set it aside. The MRAM could not be initialized.",
    "mram.wrapped": "Set the camera aside. The external memory is smaller than its partitions: the filesystem will destroy ROMFS0.",
    "unit.already_passed": "Take the camera out: it already passed with this bundle.",
    "unit.set_aside": "Set the camera aside: it failed too often in this batch. An engineer can release it: station release SERIAL",
    "unit.scrapped": "Nothing: an engineer booked the camera as scrapped.",
    "operator.unplugged": "Plug the camera in again. The camera was pulled out during the run.",
    "operator.cancelled": "Plug the camera in again to re-run it. The run was cancelled.",
    "worker.died": "Plug the camera in again. The worker process of this slot ended unexpectedly.",
    "station.interrupted": "Plug the camera in again. The station stopped during the run.",
    "station.stalled": "Plug the camera in again. Something kept this machine or the station busy for seconds: end what else runs on it.",
    "station.no_descriptors": "Raise the limit of open files (ulimit -n 4096, or LimitNOFILE of the service), then start the station again.",
    "station.internal": "Plug the camera in again and tell the engineer. The station made a mistake.",
    "line.stopped": "The line stopped after several station errors in a row. Call the engineer.",
    "line.same_failures": "Many cameras failed in one way: that is the bench or the bundle. Call the engineer.",
    "central.unreachable": "Check the network and the database server. The line goes on, and what it records waits in its own log.",
    "central.refused": "Check the user of the central database and its rights to write there. The line goes on, and what it records waits in its own log.",
    "central.encoding": "Make the central database with ENCODING 'UTF8'; then: station db upgrade --central",
    "central.schema_outdated": "Run once, from any station: station db upgrade --central",
    "central.schema_unknown": "A newer station upgraded the central database. Install that version here too; until then this station's runs wait.",
    "central.other_cameras": "Give virtual cameras a central database of their own (STATION_CENTRAL__URL), or none.",
    "central.not_set": "Set url in [central] of the configuration, or STATION_CENTRAL__URL.",
    "central.url": 'It is "postgresql+psycopg://USER:PASSWORD@HOST:PORT/NAME".',
    "ledger.write_failed": "Check the disk, then re-run the camera. The result could not be written to the log.",
    "ledger.schema_outdated": "Run: station db upgrade",
    "ledger.schema_unknown": "The log was written by a newer station. Install that version.",
    "ledger.corrupt": "Nothing reads or writes a damaged log. The command that is named keeps it aside and puts a backup in its place.",
    "ledger.bad_backup": "Nothing was changed. Restore another backup; station doctor names the newest that is known.",
    "ledger.audit_changed": "Keep a copy of the data folder as it is, and compare it with the backups: station db check on each says since when.",
    "ledger.missing": "Name its folder with --data-dir. The log is made when the line runs for the first time; to try: station demo.",
    "ledger.disk_full": "Free room on that disk, then do it again: station doctor shows how much there is; old backups are in the folder backups.",
    "ledger.not_writable": "Check the data folder's owner and the free space of its disk.",
    "bundle.not_found": "Check the path of the release.",
    "bundle.unreadable": "Check the file's permissions and its disk, then import again.",
    "bundle.not_a_release": "Give a folder with the four images, or the release archive firmware_OPENMV_AE3.zip.",
    "bundle.image_missing": "A release has four images. Name a file with --map HP=FILE, or import fewer with --partial.",
    "bundle.incomplete": "Import the whole release, or choose a recipe that needs less.",
    "bundle.folder_ambiguous": "Import the folder that is meant, or an archive of it alone.",
    "bundle.image_empty": "The file is empty. Download or build the release again.",
    "bundle.image_too_large": "The image does not fit its partition. It is for another board, or named wrongly.",
    "bundle.image_ambiguous": "Remove the file that is not meant from the release.",
    "bundle.not_a_file": "Put a plain file in its place.",
    "bundle.link_outside": "Put the file itself into the folder, not a link.",
    "bundle.not_romfs": "The image is of another kind. Check which file is which, or build it again.",
    "bundle.romfs_truncated": "The image is cut off. Download or build the release again.",
    "bundle.wrong_core": "The firmware images of HP and HE are swapped. Check their names.",
    "bundle.bad_vector": "The file is no firmware for this camera. Download or build the release again.",
    "bundle.mixed_release": "Take HP and HE from one build. If two are meant: station bundle import PATH --mixed",
    "bundle.dfu_suffix_invalid": "The .dfu file is damaged, or none. Download or build it again.",
    "bundle.dfu_other_device": "The .dfu file is for another device. Take the one for the OpenMV AE3.",
    "bundle.archive_unsafe": "Do not use this archive. Download the release from its official place.",
    "bundle.archive_encrypted": "Unpack the archive with its password and import the folder.",
    "bundle.archive_bomb": "Do not use this archive. Download the release from its official place.",
    "bundle.archive_corrupt": "The archive is damaged. Download the release again.",
    "bundle.archive_unsupported": "Unpack the archive and import the folder.",
    "bundle.name_invalid": "Choose a name of letters, digits, '.', '_' and '-'.",
    "bundle.name_taken": "Import it under another name.",
    "bundle.not_stored": "Check the data folder's owner and the free space of its disk, then import again.",
    "bundle.unknown": "station bundle list shows the bundles; station bundle import PATH adds one.",
    "bundle.corrupt": "Import the release again: that fixes the stored images. If it repeats, check the disk.",
    "bundle.not_signed": "This station flashes signed bundles only. Get the release with its bundle-signature.json, or have it signed: station bundle sign.",
    "bundle.signature_invalid": "The signature's file is damaged or cut off. Get the release again, with its bundle-signature.json.",
    "bundle.signature_wrong": "Do not use this release: it was changed after it was signed. Get it again from whoever signed it.",
    "bundle.signature_of_another": "Put the signature beside the release that it was made for; import a signed one without --name.",
    "bundle.key_not_trusted": "If the signer is known to you, take their public key: station bundle trust KEY. station bundle trust lists the keys.",
    "bundle.key_invalid": "Give an Ed25519 key in PEM: station bundle sign --new-key FILE makes a pair.",
    "bundle.key_name_taken": "Give another name with --name, or remove the old key first: station bundle trust --remove NAME",
    "bundle.not_for_this_part": "Take the bundle for these cameras, or set their part number: part_number in [run], or --part-number.",
    "bundle.not_for_this_batch": "Begin a batch that the bundle is for, or take the bundle for this one. Call the engineer.",
    "bundle.demo": "Take a real release: station bundle import PATH, then station bundle use NAME. Virtual cameras: station run --simulate 4",
    "bundle.manifest_invalid": "Remove the manifest that is named, then import the release again.",
    "settings.invalid": "Fix the configuration file and start again.",
    "settings.unreadable": "Check the path and the file's permissions.",
    "settings.not_written": "Check the file's owner and the free space of its disk.",
    "usage.slot_name": "Choose another name; --replace forgets the slots that are there.",
    "usage.map": "Write --map PARTITION=FILE, each of HP, HE, ROMFS1 and ROMFS0 once.",
    "usage.sign": "Example: station bundle sign v5.0.0 --key release-key.pem; station bundle sign --new-key FILE makes a key.",
    "usage.unknown_key": "station bundle trust lists the keys; station bundle trust KEY adds one.",
    "usage.no_backup": "Name a copy that station db backup made.",
    "usage.no_bundle": "Import one: station bundle import PATH, then station bundle use NAME.",
    "usage.unknown_unit": "station slots shows the serials of the cameras that are plugged in; station export lists every run.",
    "usage.virtual_log": "Give real cameras another folder with --data-dir: their yield is not to be mixed with that of virtual ones.",
    "usage.real_log": "Give virtual cameras a folder of their own: --data-dir DIR. Without it they have one inside the usual folder.",
    "usage.empty": "Name one, or leave the option out; a shell variable in it may be empty.",
    "usage.json": 'Write one JSON object, in single quotes: \'{"do": "state"}\'.',
    "usage.address": "Write HOST:PORT, the port a whole number from 1 to 65535.",
    "usage.several_units": "Give more of the serial: so many of its last characters that only one unit has them.",
    "usage.unknown_batch": "Check the spelling; a batch is known once it was begun at the bench or has a run.",
    "usage.scrap": 'Example: station scrap --batch 2026-47 --reason "dead on arrival" --by Ada',
    "usage.nearly_a_batch": "Give the batch as it was begun; if it really is another one, add --new-batch.",
    "usage.one_id_twice": "Give each machine an id of its own ([station] id), and take these runs under one: station import FILE --as-station ID",
    "usage.unknown_station": "Check the spelling; a station's id is its [station] id, by default its host name.",
    "usage.unknown_slot": "Check the spelling; station slots shows the slots. A slot is known once a camera ran in it.",
    "usage.unknown_operator": "Check the spelling: the name as it was given at the bench.",
    "usage.unknown_bundle": "Check the spelling: the bundle's name as it was when it was flashed.",
    "usage.no_folder": "Change into a folder that exists (cd), then give the command again.",
    "usage.two_benches": "Leave one of them out: --simulate makes its cameras, --sim takes those that are served.",
    "usage.no_sim": "Start the virtual cameras first: station sim serve DIR",
    "usage.no_camera": "Plug known-good cameras into the slots, then start it again; station slots shows what is there.",
    "usage.which_camera": "Name one with --serial or --port, or take --all.",
    "usage.import": "The file must be what station export --format jsonl wrote; nothing of a file with a wrong line is taken.",
    "usage.time": 'Examples: 2026-11-22, "2026-11-22 14:30", 2h (ago), today.',
    "usage.output": "Choose a file in a folder that exists and that you may write.",
    "usage.file_exists": "Give another file name, or remove the file first.",
    "usage.purpose": "Choose one of the purposes that are named.",
    "usage.language": "Choose one of the languages that are named.",
    "usage.format": "Choose one of the formats that --help lists.",
    "usage.unknown_recipe": "Name one of the recipes listed, or add it to [recipes] in the configuration.",
    "station.attachable": "Look at it with station dashboard, or stop it there first.",
    "line.not_verified": "Run station verify-slots with the reference camera, in each slot that is named.",
    "line.gone": "Press q, start the line again (station run), and plug the cameras in again that were running.",
    "line.no_answer": "Read the file that is named, or start it with --headless to see what it says.",
    "usage.no_line": "Start one with station run, or name its data folder with --data-dir.",
    "usage.port": "Choose another one with --port and --host, or end the program that has it.",
    "usage.no_terminal": "Run it in a terminal, or use the line without a screen: station run --headless.",
    "role.engineer_needed": "Call the engineer, who gives the PIN: at the terminal, at the screen, or in the file that STATION_PIN_FILE names. A changed configuration of a service: station pin approve",
    "role.wrong_pin": "Type it again; after a few wrong ones each try waits longer. An engineer sets another: station pin set",
    "role.too_many_tries": "Wait, then type it again. A lost PIN: whoever owns the data folder removes pins.json there.",
    "role.pins_unreadable": "Let the station's user read that file, or restore it; whoever owns the data folder may remove it.",
    "role.no_pin": "An engineer sets one: station pin set",
    "role.pin_form": "Choose another PIN: station pin set",
    "usage.role": "Choose one of the roles that are named.",
    "usage.act": "Choose one of the acts that are named.",
    "product.form": "Scan the label once more; the form is [product_serial] in the configuration.",
    "product.check_digit": "Scan the label once more: it was read or typed wrongly.",
    "product.taken": "Check both labels: another camera has this one. station unit PRODUCT shows which.",
    "product.unit_has_another": "Check the label: this camera has another one. station unit SERIAL shows which.",
    "product.unbound": "Scan its label, then its slot. c cancels it.",
    "product.camera_changed": "Scan the label once more, then the slot that its camera is in.",
    "product.no_identity": "Set the camera aside: it shows no serial of its own, so nothing can be bound to it.",
    "product.unknown_camera": "Run the camera once (key r, or replug it), then scan its label.",
    "value.form": "Scan the label once more; the form is [unit_values] in the configuration.",
    "value.unknown_key": "Name one of the keys of [unit_values] in the configuration.",
    "value.known": "Check the label. To change it: station bind SERIAL --set KEY=VALUE",
    "usage.bind": "Name what is to be bound, as --help shows.",
    "usage.pair": "Write the key, =, and the value: lens=L-0042",
    "usage.unknown_product": "Check the spelling; station unit SERIAL shows what a unit is called.",
    "usage.several_products": "Type more of its end.",
    "usage.unknown_unit_key": "Check the spelling; the keys are those of [unit_values] in the configuration.",
    "usage.unknown_unit_value": "Check the spelling.",
    "mes.refused": "Take the camera out, and ask the factory's system why it refuses it. Nothing was written to the camera.",
    "outbox.unreachable": "Check the system and the way to it. What waits is delivered when it answers: nothing is lost.",
    "outbox.no_answer": "Check the system: it takes too long. What waits is delivered when it answers: nothing is lost.",
    "outbox.refused": "Ask the system's people what is wrong with this record; then: station outbox retry, or station outbox drop.",
    "outbox.unusable": "Fix what is named in [outbox] of the configuration, then start the line again.",
    "outbox.internal": "Tell the engineer. The station made a mistake; what waits is tried again.",
    "label.template": "An engineer fixes the template: station label check FILE says what is wrong with it.",
    "label.not_ready": "Load labels or ribbon, close the head, or press its pause button. What waits is printed then, if it is not too old by then.",
    "label.no_status": "Check the address: is it the printer's? For a printer that never answers: printer_answers = false in [outbox].",
    "label.maybe_printed": "Look whether the label lies there. If not: station label reprint SERIAL --reason TEXT",
    "label.too_old": "The label was not printed. Where its camera needs it: station label reprint SERIAL --reason TEXT",
    "label.superseded": "That label is not printed: the camera's latest run says what it gets.",
    "label.unbound": "Scan the camera's label, or: station bind SERIAL PRODUCT. Its label is printed then.",
    "label.not_passed": "Only a camera whose latest run passed gets a label: run it again. station unit SERIAL shows its runs.",
    "metrics.port": "Set another port in [metrics], or end the program that has it. It is tried again; cameras do not wait for it.",
    "light.gone": "Plug the stack light in again, or fix port in [stack_light]. It is found when it is back; cameras do not wait for it.",
    "light.command": "Fix command in [stack_light]; cameras do not wait for it.",
    "light.back": "Nothing is to be done.",
    "usage.no_printer": 'A printer is configured in [outbox] with kind = "zpl"; where there are several: --printer NAME.',
    "usage.reprint": 'Example: station label reprint 3A0F5C77 --reason "the first one tore"',
    "usage.destination": "Give it with --procedure ID or --process-code N, as that system shows it.",
    "usage.drop": 'Example: station outbox drop mes --all --reason "the old system is gone" --by Ada',
    "usage.unknown_sink": "station outbox shows the systems; they are configured in [outbox].",
    "request.role": "A connection says once, first, what it may do: look or steer.",
    "request.read_only": "Steer the line at a screen of its bench; browsers steer it with station web --control.",
    "request.real_cameras": "Plug cameras in and pull them out by hand.",
    "request.unknown": "The screen is of another version than the line. Start it again with the line's version.",
    "request.invalid": "The screen is of another version than the line, or a name is too long.",
    "station.busy": "Stop the other station first.",
}
"""One line for each code: what the person at the bench does now."""
