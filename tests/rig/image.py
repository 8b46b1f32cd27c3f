"""The emulated guest's disk image, kernel and initramfs, made from Debian packages and kept between runs.

Why not an image from somewhere: the rig is to be reproducible from a package mirror alone, on a build machine that has
neither USB nor loadable modules. The result is cached outside the tree, under a hash of this file and of the initramfs
script, so that a changed recipe never runs on an old image and an unchanged one is never built twice.
"""

from __future__ import annotations

import hashlib
import lzma
import shlex
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from tests.rig.host import HostError, build_lock, cache_folder, find, install, run, say, which

SUITE = "bookworm"
PACKAGES = (
    "mount",  # variant "essential" lacks it
    "udev",
    "kmod",
    "python3",
    "libusb-1.0-0",
    "dfu-util",
    "usbutils",
    "usbip",
    "busybox-static",
    "procps",
    "iproute2",
    "passwd",
)
"""What the guest has. python3 brings every library that a pyenv or Debian interpreter from the host needs."""

MODULES = (
    *("virtio_pci", "virtio_blk", "squashfs", "overlay", "9pnet_virtio", "9p"),  # to start
    *("vhci-hcd", "usbmon", "cdc-acm"),  # USB/IP cameras, a bus trace, the application's serial port
    *("usb-storage", "sd_mod"),  # and its disk
)
ORDINARY_USER = "bench"
"""An account in group plugdev, to prove that the station needs no root; `uml_init.sh` makes it too."""

_LEFT_OUT = ("/usr/share/man/*", "/usr/share/doc/*", "/usr/share/info/*", "/usr/share/locale/*", "/usr/share/i18n/*")
_HOST_PACKAGES = {
    "qemu-system-x86_64": "qemu-system-x86",
    "mmdebstrap": "mmdebstrap",
    "sqfstar": "squashfs-tools",
    "depmod": "kmod",
    "modprobe": "kmod",
    "dpkg-deb": "dpkg",
    "busybox": "busybox-static",
    "setpriv": "util-linux",
}
_KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
_INITRAMFS_APPLETS = ("sh", "mount", "mkdir", "modprobe", "sleep", "cp", "switch_root", "[", "echo")
_INIT = Path(__file__).with_name("initramfs_init.sh")


@dataclass(frozen=True)
class Image:
    """One cached guest: everything QEMU is given, in one folder."""

    folder: Path

    @property
    def kernel(self) -> Path:
        """The uncompressed kernel: emulated, the unpacking of Debian's own file would cost seconds a boot."""
        return self.folder / "vmlinux"

    @property
    def initramfs(self) -> Path:
        """Static busybox and the modules."""
        return self.folder / "initramfs.cpio"

    @property
    def root(self) -> Path:
        """The root filesystem, a squashfs."""
        return self.folder / "root.squashfs"


def recipe_hash() -> str:
    """Name what the image is made from: this very file and the initramfs script."""
    return hashlib.sha256(Path(__file__).read_bytes() + _INIT.read_bytes()).hexdigest()[:16]


def ensure_image() -> Image:
    """Give the guest's image, building it first if there is none for this recipe. Safe to call in parallel."""
    _ensure_host_tools()
    folder = cache_folder() / recipe_hash()
    if folder.is_dir():
        return Image(folder)
    with build_lock():
        if not folder.is_dir():
            say("building the emulated guest's image: about a minute")
            _build(folder)
    return Image(folder)


def _ensure_host_tools() -> None:
    """Install what the host lacks (Debian, root), or say what to install."""
    needed = [package for tool, package in _HOST_PACKAGES.items() if not find(tool)]
    install([*needed, *(() if _KEYRING.exists() else ("debian-archive-keyring",))])


def _build(folder: Path) -> None:
    """Build beside the destination and rename: a folder of that name is always a whole image."""
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix="building-") as name:
        work, done = Path(name), Path(name) / "done"
        done.mkdir()
        image = Image(done)
        _make_root(image.root, work)
        run(["dpkg-deb", "-x", "kernel.deb", "kernel"], cwd=work)
        (compressed,) = (work / "kernel/boot").glob("vmlinuz-*")
        image.kernel.write_bytes(unpack_kernel(compressed.read_bytes()))
        _make_initramfs(image.initramfs, work, version=compressed.name.removeprefix("vmlinuz-"))
        done.rename(folder)


def _make_root(target: Path, work: Path) -> None:
    """Debian without documentation as an lz4 squashfs; its own apt fetches the kernel too, whatever the host runs."""
    kernel = "$(apt-cache depends --important linux-image-amd64 | sed -n 's/.*Depends: //p')"
    get_kernel = f'APT_CONFIG="$MMDEBSTRAP_APT_CONFIG"; export APT_CONFIG; apt-get download {kernel}'
    hooks = (
        f'set -e; cd "$1"; {get_kernel}; mv linux-image-*.deb k.deb',
        "download /k.deb kernel.deb",
        'rm "$1/k.deb"',
        f'chroot "$1" useradd --uid 1000 --create-home --shell /bin/bash --groups plugdev {ORDINARY_USER}',
        'chmod 0755 "$1/root"',  # an interpreter under /root must be reachable for the ordinary user as well
    )
    command = ["mmdebstrap", "--quiet", "--variant=essential", "--format=tar", f"--include={','.join(PACKAGES)}"]
    command += [f"--dpkgopt=path-exclude={pattern}" for pattern in _LEFT_OUT]
    command += [f"--customize-hook={hook}" for hook in hooks]
    pack = ["sqfstar", "-quiet", "-no-progress", "-comp", "lz4", str(target)]
    pipeline = f"set -o pipefail; {shlex.join([*command, SUITE, '-'])} | {shlex.join(pack)}"
    run(["bash", "-c", pipeline], cwd=work)


def unpack_kernel(bz_image: bytes) -> bytes:
    """Take the ELF kernel out of a bzImage (xz), by the offsets in its setup header (Linux x86 boot protocol 2.08)."""
    if bz_image[0x202:0x206] != b"HdrS":
        raise HostError("the kernel package holds no bzImage")
    protected_mode = (bz_image[0x1F1] + 1) * 512
    start = protected_mode + int.from_bytes(bz_image[0x248:0x24C], "little")
    length = int.from_bytes(bz_image[0x24C:0x250], "little")
    decoder = lzma.LZMADecompressor(format=lzma.FORMAT_XZ)  # what follows the stream is its unpacked size
    return decoder.decompress(bz_image[start : start + length])


def _make_initramfs(target: Path, work: Path, version: str) -> None:
    """Pack static busybox, the init script and the modules with what they need; uncompressed, to boot faster."""
    tree = work / "initramfs"
    for name in ("bin", "dev", "proc", "sys", "lower", "upper", "new"):
        (tree / name).mkdir(parents=True)
    shutil.copy(which("busybox"), tree / "bin/busybox")
    for applet in _INITRAMFS_APPLETS:
        (tree / "bin" / applet).symlink_to("busybox")
    shutil.copy(_INIT, tree / "init")
    (tree / "init").chmod(0o755)
    _copy_modules(work / "kernel", tree, version)
    names = "\n".join(str(path.relative_to(tree)) for path in sorted(tree.rglob("*")))
    archive = subprocess.run(
        [which("busybox"), "cpio", "-o", "-H", "newc"], input=names.encode(), cwd=tree, capture_output=True, check=True
    )
    target.write_bytes(archive.stdout)


def _copy_modules(kernel: Path, tree: Path, version: str) -> None:
    """Copy the modules that the guest loads; the kernel's other four thousand stay behind."""
    run(["depmod", "-b", str(kernel), version])
    shown = run(["modprobe", "-d", str(kernel), "-S", version, "--show-depends", "-a", *MODULES])
    for line in shown.splitlines():
        if line.startswith("insmod "):
            source = Path(line.split()[1])
            copy = tree / source.relative_to(kernel)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, copy)
    for name in ("modules.order", "modules.builtin", "modules.builtin.modinfo"):
        shutil.copy(kernel / "lib/modules" / version / name, tree / "lib/modules" / version / name)
    run(["depmod", "-b", str(tree), version])
