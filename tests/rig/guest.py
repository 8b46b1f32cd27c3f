"""Run one command in a virtual machine that has a real Linux USB stack, udev and USB/IP host controllers.

``python -m tests.rig.guest -- lsusb`` is all it takes: the image is built at first use; the checkout, the virtual
environment in use and its interpreter appear in the guest at the same paths, read-only, the scratch folder read-write;
the command's output (as it comes) and exit code are passed on. One guest runs one command, so that nothing of an
earlier one is left behind: a caller with much to do starts one process that does it all.

Sockets and FIFOs must not be made in a shared folder (QEMU refuses to open them and the guest hangs): use ``/tmp``.
"""

from __future__ import annotations

import argparse
import compileall
import contextlib
import os
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from tests.rig.image import Image, ImageError, ensure_image

CHECKOUT = Path(__file__).resolve().parents[2]
DEFAULT_TIMEOUT_S = 600.0
BOOT_TIMEOUT_S = 120.0

_POLL_S = 0.05
_CONSOLE_TAIL = 3000
_GUEST_INIT = Path(__file__).with_name("guest_init.sh")


class GuestError(RuntimeError):
    """The guest, not the command in it, went wrong. Carries what was seen until then."""

    def __init__(self, reason: str, result: GuestResult) -> None:
        self.reason = reason
        self.result = result
        parts = (("console", result.console), ("standard output", result.stdout), ("standard error", result.stderr))
        tails = [f"--- {name}, its end ---\n{text[-_CONSOLE_TAIL:].rstrip()}" for name, text in parts if text]
        super().__init__("\n".join([reason, *tails]))


class GuestTimeoutError(GuestError):
    """The time limit of the boot or of the command was over and the guest was killed."""


@dataclass(frozen=True)
class Share:
    """A host folder at the same path in the guest. Read-only ones are cached there: do not change them meanwhile."""

    path: Path
    writable: bool = False


@dataclass(frozen=True)
class GuestResult:
    """What one guest did. ``exit_code`` is -1 and ``boot_s`` NaN as long as they are not known."""

    exit_code: int
    stdout: str
    stderr: str
    console: str
    boot_s: float
    total_s: float

    def check(self) -> GuestResult:
        """Raise unless the command succeeded; else give the result itself."""
        if self.exit_code != 0:
            raise GuestError(f"the command in the guest ended with {self.exit_code}", self)
        return self


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


def default_shares() -> tuple[Share, ...]:
    """Share the checkout, the virtual environment and the interpreter it was made from."""
    folders = {CHECKOUT, Path(sys.prefix), Path(sys.base_prefix)}
    # /usr is never shared: the guest has a Debian Python of its own, at the same path as a Debian host's.
    return tuple(Share(folder) for folder in sorted(folders) if folder != Path("/usr"))


def run_in_guest(
    command: Sequence[str],
    scratch: Path,
    timeout_s: float = DEFAULT_TIMEOUT_S,
    *,
    shares: Sequence[Share] | None = None,
    env: Mapping[str, str] | None = None,
    cwd: Path = CHECKOUT,
    machine: Machine = Machine(),
    echo: bool = False,
) -> GuestResult:
    """Boot a guest, run ``command`` in it as root, and give its output and exit code.

    ``scratch`` is the one folder that the command can write for the host to read (``STATION_RIG_SCRATCH`` names it);
    ``shares`` come on top of the default ones. ``timeout_s`` is the command's, the boot has its own. With ``echo`` the
    output is passed on as it comes. Raises GuestError when the guest died and GuestTimeoutError when it had to be
    killed; a command that fails is a result like any other.
    """
    image = ensure_image()
    scratch.mkdir(parents=True, exist_ok=True)
    if lost := [str(share.path) for share in shares or () if not share.path.is_dir()]:
        raise NotADirectoryError(f"only folders can be shared with the guest: {', '.join(lost)}")
    mounts = merge_shares([*default_shares(), *(shares or ()), Share(scratch.resolve(), writable=True)])
    _compile_checkout()
    variables = {"STATION_RIG_SCRATCH": str(scratch.resolve()), **(env or {})}
    with tempfile.TemporaryDirectory(prefix="rig-") as name:
        control = Path(name)
        _write_control(control, mounts, _command_script(command, cwd, variables))
        with _qemu(image, machine, control, mounts) as process:
            return _Watch(control, process, timeout_s, echo).until_done()


def _compile_checkout() -> None:
    """Compile here what the emulated processors would need long for, and could not keep: the checkout is read-only."""
    for folder in ("station", "tests"):
        compileall.compile_dir(CHECKOUT / folder, quiet=2)


def merge_shares(shares: Sequence[Share]) -> list[Share]:
    """Drop what another share already brings, and put outer folders before those to be mounted inside them."""
    kept: list[Share] = []
    for share in sorted(set(shares), key=lambda share: (len(share.path.parts), str(share.path), not share.writable)):
        around = [other for other in kept if share.path.is_relative_to(other.path)]
        if not around or (share.writable and not around[-1].writable):
            kept.append(share)
    return kept


def _write_control(control: Path, mounts: Sequence[Share], script: str) -> None:
    """Lay out what guest_init.sh reads, and create what it writes, so that it can be watched from the start."""
    (control / "guest_init.sh").write_bytes(_GUEST_INIT.read_bytes())
    (control / "command.sh").write_text(script)
    lines = [f"share{index} {'rw' if share.writable else 'ro'} {share.path}" for index, share in enumerate(mounts)]
    (control / "shares").write_text("".join(f"{line}\n" for line in lines))
    for name in ("stdout", "stderr", "console"):
        (control / name).touch()


def _command_script(command: Sequence[str], cwd: Path, env: Mapping[str, str]) -> str:
    """Quote the command for the guest's shell. Its checkout is read-only, so Python is to leave no cache in it."""
    settings = {"HOME": "/root", "LANG": "C.UTF-8", "PYTHONDONTWRITEBYTECODE": "1", "STATION_RIG_GUEST": "1"}
    exports = [f"export {name}={shlex.quote(value)}" for name, value in {**settings, **env}.items()]
    return "\n".join([*exports, f"cd {shlex.quote(str(cwd))} || exit 126", f"exec {shlex.join(command)}", ""])


@contextlib.contextmanager
def _qemu(image: Image, machine: Machine, control: Path, mounts: Sequence[Share]) -> Iterator[subprocess.Popen[bytes]]:
    """Run QEMU for the length of the block; it dies with this process, however that ends."""
    command = ["setpriv", "--pdeathsig", "KILL", *_qemu_command(image, machine, control, mounts)]
    with (control / "qemu.log").open("wb") as log:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


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


class _Watch:
    """One running guest, watched through its control folder."""

    def __init__(self, control: Path, process: subprocess.Popen[bytes], timeout_s: float, echo: bool) -> None:
        self._control = control
        self._process = process
        self._timeout_s = timeout_s
        self._started = time.monotonic()
        self._started_wall = time.time()
        self._copies = [_Copy(control / "stdout", sys.stdout.buffer), _Copy(control / "stderr", sys.stderr.buffer)]
        if not echo:
            self._copies = []

    def until_done(self) -> GuestResult:
        """Wait for QEMU's end, the only sign that everything was written; the time limits are this side's."""
        ready_at: float | None = None
        while self._process.poll() is None:
            time.sleep(_POLL_S)
            self._forward()
            now = time.monotonic()
            if ready_at is None and (self._control / "ready").exists():
                ready_at = now
            if ready_at is None and now - self._started > BOOT_TIMEOUT_S:
                raise GuestTimeoutError(f"the guest did not start within {BOOT_TIMEOUT_S:g} s", self._result())
            if ready_at is not None and now - ready_at > self._timeout_s:
                raise GuestTimeoutError(f"the command did not end within {self._timeout_s:g} s", self._result())
        self._forward()
        result = self._result()
        if result.exit_code < 0:
            raise GuestError(f"the guest ended before its command did (QEMU: {self._process.returncode})", result)
        return result

    def _forward(self) -> None:
        for copy in self._copies:
            copy.catch_up()

    def _result(self) -> GuestResult:
        ready, exited = self._control / "ready", self._control / "exit"
        console = self._text("console")
        if log := self._text("qemu.log"):
            console += f"\nqemu: {log}"
        return GuestResult(
            exit_code=int(exited.read_text()) if exited.exists() else -1,
            stdout=self._text("stdout"),
            stderr=self._text("stderr"),
            console=console,
            boot_s=ready.stat().st_mtime - self._started_wall if ready.exists() else float("nan"),
            total_s=time.monotonic() - self._started,
        )

    def _text(self, name: str) -> str:
        return (self._control / name).read_bytes().decode(errors="replace")


class _Copy:
    """Passes on what a growing file gained."""

    def __init__(self, source: Path, target: IO[bytes]) -> None:
        self._source = source
        self._target = target
        self._offset = 0

    def catch_up(self) -> None:
        """Copy the new bytes and flush them."""
        with self._source.open("rb") as file:
            file.seek(self._offset)
            if fresh := file.read():
                self._offset += len(fresh)
                self._target.write(fresh)
                self._target.flush()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tests.rig.guest",
        description="Run a command in the rig's guest, as root, with the checkout at the same path.",
        epilog="example: python -m tests.rig.guest --scratch /tmp/out -- python -m pytest tests/rig -x",
    )
    parser.add_argument("--scratch", type=Path, help="read-write folder (default: a temporary one, thrown away)")
    parser.add_argument("--share", type=Path, action="append", default=[], help="one more read-only folder")
    parser.add_argument("--share-rw", type=Path, action="append", default=[], help="one more read-write folder")
    parser.add_argument("--env", action="append", default=[], metavar="NAME=VALUE", help="for the command")
    parser.add_argument("--cwd", type=Path, default=CHECKOUT, help="the command's folder in the guest")
    parser.add_argument("--timeout", type=float, default=DEFAULT_TIMEOUT_S, help="seconds for the command")
    parser.add_argument("--memory", type=int, default=Machine.memory_mib, help="MiB")
    parser.add_argument("--processors", type=int, default=Machine.processors)
    parser.add_argument("--timings", action="store_true", help="say on stderr how long boot and command took")
    parser.add_argument("command", nargs="+", help="after --; the word python is the interpreter running this")
    return parser


def main() -> int:
    """Run the guest's command; the rig's own failures have an exit code of their own (125), as in ``docker run``."""
    arguments = _parser().parse_args()
    try:
        with contextlib.ExitStack() as stack:
            scratch = arguments.scratch or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="rig-scratch-")))
            result = _run(arguments, scratch.resolve())
    except GuestError as error:
        print(f"rig: {error.reason}\n{error.result.console[-_CONSOLE_TAIL:]}", file=sys.stderr)
        return 125
    except (ImageError, NotADirectoryError) as error:
        print(f"rig: {error}", file=sys.stderr)
        return 125
    except KeyboardInterrupt:
        return 130
    if arguments.timings:
        print(f"rig: boot {result.boot_s:.1f} s, all {result.total_s:.1f} s", file=sys.stderr)
    return result.exit_code


def _run(arguments: argparse.Namespace, scratch: Path) -> GuestResult:
    """Translate the command line. The command finds its writable folder in ``STATION_RIG_SCRATCH``."""
    shares = [Share(path.resolve()) for path in arguments.share]
    shares += [Share(path.resolve(), writable=True) for path in arguments.share_rw]
    program, *rest = arguments.command
    return run_in_guest(
        [sys.executable if program == "python" else program, *rest],
        scratch,
        arguments.timeout,
        shares=shares,
        env=dict(pair.split("=", 1) for pair in arguments.env),
        cwd=arguments.cwd.resolve(),
        machine=Machine(processors=arguments.processors, memory_mib=arguments.memory),
        echo=True,
    )


if __name__ == "__main__":
    sys.exit(main())
