"""The guest with two processors and Debian's own kernel: QEMU, emulated, twenty-five times slower than the machine.

The image is built at first use; the checkout, the virtual environment in use and its interpreter appear in the guest
at the same paths, read-only, the scratch folder read-write. Sockets and FIFOs must not be made in a shared folder (QEMU
refuses to open them and the guest hangs): use ``/tmp``.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.rig.control import command_script, compile_checkout, prepare
from tests.rig.image import Image, ensure_image
from tests.rig.share import CHECKOUT, Share, all_shares
from tests.rig.watch import DEFAULT_TIMEOUT_S, GuestResult, Watch, started

_INIT = Path(__file__).with_name("guest_init.sh")


@dataclass(frozen=True)
class Machine:
    """How much machine the guest gets. More processors than the host has make it slower, not faster."""

    processors: int = 2
    memory_mib: int = 1536
    accelerator: str = ""

    def options(self) -> list[str]:
        """Spell it for QEMU. Emulated unless ``STATION_RIG_ACCEL`` says otherwise: nested KVM hangs on some hosts."""
        accelerator = self.accelerator or os.environ.get("STATION_RIG_ACCEL") or "tcg,thread=multi"
        cpu = "host" if accelerator.startswith("kvm") else "max"
        sized = ["-smp", str(self.processors), "-m", str(self.memory_mib)]
        return ["-accel", accelerator, "-cpu", cpu, "-M", "q35", *sized]


def run_emulated(
    command: Sequence[str],
    scratch: Path,
    timeout_s: float = DEFAULT_TIMEOUT_S,
    *,
    shares: Sequence[Share] = (),
    env: Mapping[str, str] | None = None,
    cwd: Path = CHECKOUT,
    machine: Machine = Machine(),
    echo: bool = False,
) -> GuestResult:
    """Do what `run_in_guest` does, in the emulated guest."""
    image = ensure_image()
    scratch.mkdir(parents=True, exist_ok=True)
    # /usr is never shared: this guest has a Debian Python of its own, at the same path as a Debian host's.
    mounts = [share for share in all_shares(scratch, shares) if share.path != Path("/usr")]
    compile_checkout()
    with tempfile.TemporaryDirectory(prefix="rig-") as name:
        control = Path(name)
        prepare(control, _INIT, command_script(command, cwd, scratch, env or {}))
        lines = [f"share{index} {share.mode} {share.path}\n" for index, share in enumerate(mounts)]
        (control / "shares").write_text("".join(lines))
        words = ["setpriv", "--pdeathsig", "KILL", *_qemu_command(image, machine, control, mounts)]
        with started(words, control / "log") as process:
            return Watch(control, process, timeout_s, echo).until_done()


def _qemu_command(image: Image, machine: Machine, control: Path, mounts: Sequence[Share]) -> list[str]:
    """Say everything explicitly: no default devices, no network, no display, no reboot."""
    words = "console=ttyS0 quiet panic=-1 mitigations=off random.trust_cpu=on usbcore.autosuspend=-1 rdinit=/init"
    command = ["qemu-system-x86_64", *machine.options(), "-nodefaults", "-no-user-config", "-no-reboot"]
    command += ["-display", "none", "-serial", f"file:{_escape(control / 'console')}"]
    command += ["-kernel", str(image.kernel), "-initrd", str(image.initramfs), "-append", words]
    command += ["-drive", f"file={_escape(image.root)},format=raw,if=virtio,readonly=on", "-device", "virtio-rng-pci"]
    tagged = [("rig-control", Share(control, writable=True))]
    tagged += [(f"share{index}", share) for index, share in enumerate(mounts)]
    for tag, share in tagged:
        options = f"local,id={tag},path={_escape(share.path)},security_model=none,multidevs=remap"
        command += ["-fsdev", options if share.writable else f"{options},readonly=on"]
        command += ["-device", f"virtio-9p-pci,fsdev={tag},mount_tag={tag}"]
    return command


def _escape(path: Path) -> str:
    """Write commas twice, as QEMU wants them in the value of an option."""
    return str(path).replace(",", ",,")
