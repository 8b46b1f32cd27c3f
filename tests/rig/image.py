"""The guest's disk image, kernel and initramfs, made from Debian packages and kept between runs.

Why not an image from somewhere: the rig is to be reproducible from a package mirror alone, on a build machine that has
neither USB nor loadable modules. The result is cached outside the tree, under a hash of this file and of the initramfs
script, so that a changed recipe never runs on an old image and an unchanged one is never built twice.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import lzma
import os
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

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
"""An account in group plugdev, to prove that the station needs no root (``runuser -u bench -- …``)."""

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


class ImageError(RuntimeError):
    """The guest cannot be built on this machine; the message says what to install or what failed."""


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


def cache_folder() -> Path:
    """Where images are kept (``STATION_RIG_CACHE``, else ``~/.cache/ae3-station-rig``)."""
    return Path(os.environ.get("STATION_RIG_CACHE") or Path.home() / ".cache" / "ae3-station-rig")


def ensure_image() -> Image:
    """Give the guest's image, building it first if there is none for this recipe. Safe to call in parallel."""
    ensure_host_tools()
    folder = cache_folder() / recipe_hash()
    if folder.is_dir():
        return Image(folder)
    with _build_lock():
        if not folder.is_dir():
            _build(folder)
    return Image(folder)


def ensure_host_tools() -> None:
    """Install what the host lacks (Debian, root), or say what to install."""
    needed = {package for tool, package in _HOST_PACKAGES.items() if not shutil.which(tool, path=_path())}
    if not _KEYRING.exists():
        needed.add("debian-archive-keyring")
    missing = sorted(needed)
    if not missing:
        return
    command = ["apt-get", "install", "--yes", "--no-install-recommends", *missing]
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        raise ImageError(f"the rig needs more on this machine; as root: {shlex.join(command)}")
    _run(["apt-get", "update"])
    _run(command)


@contextlib.contextmanager
def _build_lock() -> Iterator[None]:
    """Let one process build while others wait: two at once would only share the same two cores."""
    cache_folder().mkdir(parents=True, exist_ok=True)
    with (cache_folder() / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _build(folder: Path) -> None:
    """Build beside the destination and rename: a folder of that name is always a whole image."""
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix="building-") as name:
        work, done = Path(name), Path(name) / "done"
        done.mkdir()
        image = Image(done)
        _make_root(image.root, work)
        _run(["dpkg-deb", "-x", "kernel.deb", "kernel"], cwd=work)
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
    _run(["bash", "-c", pipeline], cwd=work)


def unpack_kernel(bz_image: bytes) -> bytes:
    """Take the ELF kernel out of a bzImage (xz), by the offsets in its setup header (Linux x86 boot protocol 2.08)."""
    if bz_image[0x202:0x206] != b"HdrS":
        raise ImageError("the kernel package holds no bzImage")
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
    shutil.copy(_which("busybox"), tree / "bin/busybox")
    for applet in _INITRAMFS_APPLETS:
        (tree / "bin" / applet).symlink_to("busybox")
    shutil.copy(_INIT, tree / "init")
    (tree / "init").chmod(0o755)
    _copy_modules(work / "kernel", tree, version)
    names = "\n".join(str(path.relative_to(tree)) for path in sorted(tree.rglob("*")))
    archive = subprocess.run(
        [_which("busybox"), "cpio", "-o", "-H", "newc"], input=names.encode(), cwd=tree, capture_output=True, check=True
    )
    target.write_bytes(archive.stdout)


def _copy_modules(kernel: Path, tree: Path, version: str) -> None:
    """Copy the modules that the guest loads; the kernel's other four thousand stay behind."""
    _run(["depmod", "-b", str(kernel), version])
    shown = _run(["modprobe", "-d", str(kernel), "-S", version, "--show-depends", "-a", *MODULES])
    for line in shown.splitlines():
        if line.startswith("insmod "):
            source = Path(line.split()[1])
            copy = tree / source.relative_to(kernel)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, copy)
    for name in ("modules.order", "modules.builtin", "modules.builtin.modinfo"):
        shutil.copy(kernel / "lib/modules" / version / name, tree / "lib/modules" / version / name)
    _run(["depmod", "-b", str(tree), version])


def _path() -> str:
    """Give the search path with the system folders, which an ordinary user's lacks."""
    return os.environ.get("PATH", "") + ":/usr/sbin:/sbin"


def _which(tool: str) -> str:
    found = shutil.which(tool, path=_path())
    if not found:
        raise ImageError(f"{tool} is not installed")
    return found


def _run(command: list[str], cwd: Path | None = None) -> str:
    """Run one build step; its own words are the error message."""
    environment = {**os.environ, "PATH": _path(), "DEBIAN_FRONTEND": "noninteractive"}
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise ImageError(f"{shlex.join(command)[:300]} ended with {done.returncode}:\n{done.stderr[-3000:]}")
    return done.stdout
