"""The OpenMV AE3 (bootloader of May 2025 and later): every fact that is special about it, with its source.

Sources: B, the public bootloader (`openmv/openmv`: boot port for Alif, partition table, SPI driver); T, its USB class
driver (TinyUSB); A, the application (`ports/alif`, `boards/OPENMV_AE3`); H, what people did with real cameras;
O, openmv-ota (`docs/flash.md`: what "flash factory" writes). `tests/beliefs.py` says how well each is proven.

1. Where the firmware starts (A): `boards/OPENMV_AE3/board_config.h` gives HP 0x80020000 and HE 0x80320000 as
   OMV_FLASH_ORIGIN, with the partitions' lengths, as every earlier revision does; `ports/alif/alif.ld.S` puts the
   vectors and all code there. The bootloader jumps through HP's word; HE is started at 0x80320000 (`alif_cfg.json`,
   openamp.RemoteProc).
2. Time limits are far above what a sound camera needs. A transfer that is given up may leave endpoint 0 dead
   until a bus reset, which ends the session; so a limit only bounds the wait for a camera that answers no more.
3. The boot header (B) stands 4 KiB into the bootloader. Bootloaders before 1.0.1 have none, and all say 0x0200 in
   bcdDevice; 1.0.1 has one, and there are builds of it that still say 0x0200.
4. The application's serial (A): the bootloader prints 12 bytes of the chip's manufacturing data; the application prints
   the EUI-64 extension that Alif's service packs of the same data (micropython `ports/alif/usbd.c` and
   `se_services.c`; openmv `lib/alif/se_services/source/services_host_system.c`). Nobody has published both serials of
   one camera, and other silicon may pack them otherwise.
5. The recovery key (B): nothing is stored. The device resets the memory chip, writes its configuration registers, lifts
   its locks and erases it several times, all within this block; the chip is blank afterwards. A board with NOR flash
   refuses with errWRITE.
6. Reading (H): blocks of BOOT, HP, HE and ROMFS1 have been read from real cameras. Nobody has reported an UPLOAD of the
   external flash, of TOC, or past an end.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from station.board.application_rule import ApplicationRule
from station.board.board import Board, HoldRule, Recovery, ReleaseNames, Wrapping
from station.board.boot_header import BootHeaderRule, Quirk
from station.board.partition import ImageKind, KnownTable, Medium, Partition, PartitionLimits, ReleaseImage
from station.board.serial_rule import SerialForm, SerialRule
from station.board.usb_ids import UsbIds

_FOLDER: Final = "OPENMV_AE3"
"""What the folder of this board is called in a release for all boards (`tools/ci.sh`)."""
_MIB: Final = 1 << 20
_BLOCK_BYTES: Final = 4096
"""One DFU block, the stride of wBlockNum, and wTransferSize of the DFU functional descriptor (B, T)."""

_ON_CHIP: Final = PartitionLimits(
    request_s=10.0,  # answered within a millisecond, or within a second or two on a loaded host with many cameras
    write_s=10.0,  # about a millisecond, a plain copy
    manifest_s=10.0,  # only puts the write protection back
    upload_s=10.0,  # a memory copy
    detach_s=5.0,  # the camera often vanishes before it answers, and what it answers proves nothing
)
_BOOT: Final = replace(_ON_CHIP, upload_s=5.0)
"""A block of BOOT holds the camera: one that has not answered by then has left its bootloader, and other cameras may be
waiting their turn to be held."""
_EXTERNAL: Final = replace(_ON_CHIP, write_s=30.0)
"""Tens of milliseconds on NOR flash. A chip that refuses writes is polled a million times over a slow bus before the
bootloader says errWRITE, which takes seconds, and that answer is worth waiting for."""
_RECOVERY: Final = replace(_ON_CHIP, write_s=120.0)
"""The MRAM initialization: several erases of the whole chip within one block."""

BOOT: Final = Partition(
    0, "BOOT", 0x80000000, 0x80020000, Medium.ON_CHIP, _BOOT, writable=False, locked=True, seen_read=True
)
HP: Final = Partition(
    1,
    "HP",
    0x80020000,
    0x80320000,
    Medium.ON_CHIP,
    _ON_CHIP,
    locked=True,
    seen_read=True,
    image=ReleaseImage("firmware_M55_HP.bin", ImageKind.FIRMWARE, 5 * _MIB // 2, stems=(f"{_FOLDER}-firmware-M55_HP",)),
)
HE: Final = Partition(
    2,
    "HE",
    0x80320000,
    0x8047E000,
    Medium.ON_CHIP,
    _ON_CHIP,
    locked=True,
    seen_read=True,
    image=ReleaseImage("firmware_M55_HE.bin", ImageKind.FIRMWARE, _MIB, stems=(f"{_FOLDER}-firmware-M55_HE",)),
)
ROMFS1: Final = Partition(
    3,
    "ROMFS1",
    0x8047E000,
    0x8057E000,
    Medium.ON_CHIP,
    _ON_CHIP,
    locked=True,
    seen_read=True,
    image=ReleaseImage("romfs1.img", ImageKind.ROMFS, _MIB // 4, stems=(f"{_FOLDER}-coprocessor-romfs",)),
)
TOC: Final = Partition(4, "TOC", 0x8057E000, 0x80580000, Medium.ON_CHIP, _ON_CHIP, writable=False, locked=True)
RWFS: Final = Partition(5, "RWFS", 0, 0x00800000, Medium.EXTERNAL, _EXTERNAL)
ROMFS0: Final = Partition(
    6,
    "ROMFS0",
    0x00800000,
    0x02000000,
    Medium.EXTERNAL,
    _EXTERNAL,
    image=ReleaseImage(
        "romfs0.img",
        ImageKind.ROMFS,
        12 * _MIB,
        factory=f"{_FOLDER}-factory-romfs",  # O: the factory's, and the one for cameras that are updated
        update=f"{_FOLDER}-romfs",
    ),
)
RECOVERY: Final = Partition(7, "RECOVERY", 0, 0x1000, Medium.NONE, _RECOVERY, never_upload=True)

_OLD_RWFS: Final = replace(RWFS, limit=0x01000000)
_OLD_ROMFS0: Final = replace(ROMFS0, start=0x01000000)
_EARLIER_TABLES: Final = (
    KnownTable("before 20 May 2025", (BOOT, HP, HE, ROMFS1, TOC, _OLD_RWFS, _OLD_ROMFS0, RECOVERY)),
    KnownTable(
        "before 30 March 2025",
        (BOOT, HP, HE, replace(ROMFS1, name="ROMFS0"), TOC, _OLD_RWFS, replace(_OLD_ROMFS0, name="ROMFS1"), RECOVERY),
    ),
)
"""The first has today's names, so that only sizes tell it; the second has two of them swapped."""

OPENMV_AE3: Final = Board(
    name="OpenMV AE3",
    ids=UsbIds(vendor_id=0x37C5, dfu_product_id=0x96E3, application_product_id=0x16E3),
    block_bytes=_BLOCK_BYTES,
    transfer_bytes=_BLOCK_BYTES,
    end_frame_bytes=4,  # B: four zero bytes
    erase_unit_bytes=4096,  # B: a sector of the external flash
    partitions=(BOOT, HP, HE, ROMFS1, TOC, RWFS, ROMFS0, RECOVERY),
    earlier_tables=_EARLIER_TABLES,
    built="from 20 May 2025",
    image_order=("HP", "HE", "ROMFS1", "ROMFS0"),
    release=ReleaseNames(_FOLDER, f"firmware_{_FOLDER}.zip", r"(OPENMV|ARDUINO_|MPS|RPI_)[A-Z0-9_]*"),
    # B: the bootloader waits 1.0 s to be configured and listens 1.5 s after that; the rest is for a host that is slow
    # to configure it. A camera is announced a moment before its node can be used.
    hold=HoldRule(total_s=4.0, retry_s=0.5),
    boot_header=BootHeaderRule(
        partition="BOOT",
        block=1,
        magic=0xB00710AD,
        size_bytes=32,
        unversioned_bcd=0x0200,
        first_version="1.0.1",
        stays_after_detach=Quirk(
            (1, 0, 2), "DETACH alone is not obeyed at once, after a software entry not at all: a port reset must follow"
        ),
    ),
    serial=SerialRule(
        (SerialForm.EQUAL, SerialForm.REVERSED, SerialForm.ALIF_EUI),
        sourced=(SerialForm.ALIF_EUI,),  # the only one that a public source names
    ),
    recovery=Recovery(
        "RECOVERY", bytes.fromhex("159e7d42961a71eb73a326292b08090e").ljust(_BLOCK_BYTES, b"\0"), image="ROMFS0"
    ),
    filesystem="RWFS",
    # H: Everspin's 6B BB 17 says 8 MiB, its family ends at 16.
    wrapping=Wrapping(image="ROMFS0", over="RWFS", chip_sizes_bytes=(8 << 20, 16 << 20)),
    # H: the PixArt PAG7936. A: where the files are, and which core is started by the other.
    application=ApplicationRule(
        sensor_ids=(0x7936,),
        firmware_image="HP",
        files_image="ROMFS0",
        files_folder="/rom",
        second_core="HE",
    ),
)
